using System.Globalization;
using System.Security.Cryptography;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Protos;
using Google.Protobuf;

namespace AIaaS.Learning.Training;

/// <summary>Everything that a training needs to go on as if it had never stopped.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="States">Elements of each state of the step.</param>
/// <param name="Numbers">What the loop itself remembers.</param>
internal sealed record Checkpoint(long Step, IReadOnlyDictionary<string, float[]> States, IReadOnlyDictionary<string, double> Numbers);

/// <summary>
/// Checkpoints of one training in a folder: written beside and renamed into place, with a SHA-256 behind the content;
/// the one before the latest is kept in case the latest cannot be read.
/// </summary>
/// <param name="folder">Made when needed.</param>
/// <param name="name">The training's name, part of file names.</param>
/// <param name="fingerprint">Of the data and parameters, in letters and digits; checkpoints of any other training are passed over.</param>
internal sealed class CheckpointStore(string folder, string name, string fingerprint)
{
    private readonly string _prefix = $"{name}-{fingerprint}-";

    private const int Kept = 2;
    private const string StepKey = "step";
    private const string NumberPrefix = "number:";

    public void Save(Checkpoint checkpoint)
    {
        var model = new ModelProto { Graph = new GraphProto { Name = name } };
        model.Graph.Initializer.AddRange(checkpoint.States.Select(s => Tensors.Create(s.Key, s.Value, [s.Value.Length])));
        Add(StepKey, checkpoint.Step.ToString(CultureInfo.InvariantCulture));
        foreach (var (key, number) in checkpoint.Numbers)
            Add(NumberPrefix + key, number.ToString("R", CultureInfo.InvariantCulture));

        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{_prefix}{checkpoint.Step:D10}.checkpoint"));
        var temporary = path + ".tmp";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            var content = model.ToByteArray();
            file.Write(content);
            file.Write(SHA256.HashData(content));
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
        foreach (var old in Files().Skip(Kept).ToArray())
            File.Delete(old);

        void Add(string key, string value) => model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
    }

    /// <summary>The latest readable checkpoint of this very training; null where there is none.</summary>
    public Checkpoint? Load() => Files().Select(Read).FirstOrDefault(c => c is not null);

    private IEnumerable<string> Files() =>
        Directory.Exists(folder)
            ? Directory.GetFiles(folder, _prefix + "*.checkpoint").OrderDescending(StringComparer.Ordinal)
            : [];

    private Checkpoint? Read(string path)
    {
        var bytes = File.ReadAllBytes(path).AsSpan();
        if (bytes.Length < SHA256.HashSizeInBytes)
            return null;
        var content = bytes[..^SHA256.HashSizeInBytes];
        if (!SHA256.HashData(content).AsSpan().SequenceEqual(bytes[^SHA256.HashSizeInBytes..]))
            return null;

        var model = ModelProto.Parser.ParseFrom(content);
        var metadata = model.MetadataProps.ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
        return new(
            long.Parse(metadata[StepKey], CultureInfo.InvariantCulture),
            model.Graph.Initializer.ToDictionary(t => t.Name, Tensors.Read<float>),
            metadata.Where(m => m.Key.StartsWith(NumberPrefix, StringComparison.Ordinal))
                .ToDictionary(m => m.Key[NumberPrefix.Length..], m => double.Parse(m.Value, CultureInfo.InvariantCulture)));
    }
}
