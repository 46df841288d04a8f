using System.Runtime.InteropServices;
using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Learning.Training;

/// <summary>The files of finished trials in a folder: <c>0001.json</c>, and <c>0001.predictions</c> where there are some.</summary>
internal sealed class TrialFiles(string folder)
{
    /// <summary>The result is written last: a trial is there once it is.</summary>
    public void Save(TrialResult result, float[]? predictions)
    {
        Directory.CreateDirectory(folder);
        if (predictions is not null)
            AtomicFile.Write(PathOf(TrialResult.PredictionsFileNameOf(result.Spec.Trial)), file => file.Write(MemoryMarshal.AsBytes<float>(predictions)));
        AtomicFile.Write(PathOf(TrialResult.FileNameOf(result.Spec.Trial)), result, JsonDefaults.Options);
    }

    /// <summary>All finished trials, by number.</summary>
    public IReadOnlyList<TrialResult> Load()
    {
        if (!Directory.Exists(folder))
            return [];
        return [.. Directory.EnumerateFiles(folder, "*.json").Select(Read).OfType<TrialResult>().OrderBy(result => result.Spec.Trial)];

        static TrialResult? Read(string file)
        {
            try
            {
                return JsonSerializer.Deserialize<TrialResult>(File.ReadAllBytes(file), JsonDefaults.Options);
            }
            catch (JsonException)
            {
                // Damaged: the trial is done once more.
                return null;
            }
        }
    }

    /// <summary>What a trial predicted for the validation rows.</summary>
    /// <param name="trial">Its number.</param>
    /// <param name="count">How many numbers there must be.</param>
    /// <returns>Null where there are none, or those of other rows.</returns>
    public float[]? LoadPredictions(int trial, long count)
    {
        var path = PathOf(TrialResult.PredictionsFileNameOf(trial));
        return File.Exists(path) && new FileInfo(path).Length == count * sizeof(float)
            ? MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(path)).ToArray()
            : null;
    }

    private string PathOf(string name) => Path.Combine(folder, name);
}
