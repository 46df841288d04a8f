using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Trainer.Jobs;

/// <summary>Write-once progress files, numbered on from the attempts before; each is told to people as a line too.</summary>
/// <remarks>
/// Reports of kind <see cref="JobProgressKind.Progress"/> that tell hardly more than the last one are left out:
/// an engine may report every step, a reader polls some times a second.
/// </remarks>
internal sealed class ProgressLog : IProgress<JobProgress>
{
    private const double PercentStep = 1;
    private static readonly TimeSpan TimeStep = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly string _folder;
    private readonly TextWriter _people;
    private int _number;
    private JobProgress? _last;

    /// <param name="folder">The folder of progress files; it exists.</param>
    /// <param name="people">Where lines for people go.</param>
    public ProgressLog(string folder, TextWriter people)
    {
        (_folder, _people) = (folder, people);
        _number = Directory.EnumerateFiles(folder, "*.json")
            .Select(file => int.TryParse(Path.GetFileNameWithoutExtension(file), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0)
            .DefaultIfEmpty()
            .Max();
    }

    public void Report(JobProgress value)
    {
        lock (_lock)
        {
            if (_last is not null && TellsNothingNew(value, _last))
                return;
            AtomicFile.Write(Path.Combine(_folder, JobProgress.FileNameOf(++_number)), value, JsonDefaults.Options);
            _last = value;
            _people.WriteLine(Describe(value));
        }
    }

    private static bool TellsNothingNew(JobProgress value, JobProgress last) =>
        value.Kind == JobProgressKind.Progress && last.Kind == JobProgressKind.Progress
        && value.Trial == last.Trial && Stage(value) == Stage(last)
        && value.Percent is not 100
        && !(Math.Abs((value.Percent ?? 0) - (last.Percent ?? 0)) >= PercentStep)
        && value.Time - last.Time < TimeStep;

    private static string? Stage(JobProgress progress) =>
        progress.Values?.TryGetValue("stage", out var stage) == true && stage.ValueKind == JsonValueKind.String ? stage.GetString() : null;

    private static string Describe(JobProgress progress)
    {
        var values = progress.Values is null ? "" : string.Join(' ', progress.Values.Select(value => $"{value.Key}={value.Value}"));
        var trial = progress.Trial is { } number ? string.Create(CultureInfo.InvariantCulture, $" trial {number}") : "";
        return string.Create(CultureInfo.InvariantCulture, $"{progress.Time:HH:mm:ss} {progress.Percent,5:F1} %{trial} {values}");
    }
}
