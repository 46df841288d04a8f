using System.Security.Cryptography;
using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Learning.Trees;

/// <summary>The trees grown so far, in a folder: the latest file, and the one before in case the latest cannot be read.</summary>
/// <param name="folder">Made when needed.</param>
/// <param name="fingerprint">Of data and hyperparameters, in letters and digits; trees of another training are passed over.</param>
internal sealed class TreeCheckpoints(string folder, string fingerprint)
{
    private string Latest => Path.Combine(folder, $"trees-{fingerprint}.checkpoint");

    private string Before => Latest + ".before";

    public void Save(IReadOnlyList<RegressionTree> trees)
    {
        Directory.CreateDirectory(folder);
        if (File.Exists(Latest))
            File.Move(Latest, Before, overwrite: true);
        var content = JsonSerializer.SerializeToUtf8Bytes(trees.Select(tree => tree.Nodes), JsonDefaults.Options);
        AtomicFile.Write(Latest, file =>
        {
            file.Write(content);
            file.Write(SHA256.HashData(content));
        });
    }

    /// <returns>Empty where there are none of this very training.</returns>
    public IReadOnlyList<RegressionTree> Load() => Read(Latest) ?? Read(Before) ?? [];

    private static RegressionTree[]? Read(string path)
    {
        if (!File.Exists(path))
            return null;
        var bytes = File.ReadAllBytes(path).AsSpan();
        if (bytes.Length < SHA256.HashSizeInBytes || !SHA256.HashData(bytes[..^SHA256.HashSizeInBytes]).AsSpan().SequenceEqual(bytes[^SHA256.HashSizeInBytes..]))
            return null;
        return [.. JsonSerializer.Deserialize<TreeNode[][]>(bytes[..^SHA256.HashSizeInBytes], JsonDefaults.Options)!.Select(RegressionTree.Of)];
    }
}
