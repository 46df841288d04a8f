using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Trainer.Jobs;

namespace AIaaS.Trainer.Tests;

public sealed class ProgressLogTests : IDisposable
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("aiaas-progress-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Numbering_goes_on_from_an_earlier_attempt()
    {
        Open().Report(Progress(10));
        Open().Report(Progress(20));

        Assert.Equal(["000001.json", "000002.json"], Files());
        Assert.Equal(20, Read("000002.json").Percent);
    }

    [Fact]
    public void Steps_that_tell_hardly_anything_new_are_left_out()
    {
        var log = Open();
        foreach (var step in Enumerable.Range(0, 1000))
            log.Report(Progress(step / 100.0));

        Assert.Equal(10, Files().Length);
    }

    [Fact]
    public void A_new_stage_trial_or_metric_is_always_told()
    {
        var log = Open();
        log.Report(Progress(10, "read"));
        log.Report(Progress(10, "train"));
        log.Report(Progress(10, "train") with { Trial = 2 });
        log.Report(Progress(10, "train") with { Trial = 2, Kind = JobProgressKind.Metric });
        log.Report(Progress(10, "train") with { Trial = 2, Kind = JobProgressKind.Metric });

        Assert.Equal(5, Files().Length);
    }

    [Fact]
    public void A_slow_stage_still_shows_that_it_lives()
    {
        var log = Open();
        log.Report(Progress(10));
        log.Report(Progress(10.1) with { Time = Noon.AddSeconds(10) });

        Assert.Equal(2, Files().Length);
    }

    [Fact]
    public void Reports_from_many_threads_give_one_file_each()
    {
        var log = Open();

        Parallel.For(0, 200, number => log.Report(Progress(0) with { Kind = JobProgressKind.Metric, Trial = number }));

        Assert.Equal(Enumerable.Range(1, 200).Select(JobProgress.FileNameOf), Files());
        Assert.Equal(Enumerable.Range(0, 200), Files().Select(file => Read(file).Trial!.Value).Order());
    }

    private static JobProgress Progress(double percent, string stage = "train") => new()
    {
        Time = Noon,
        Kind = JobProgressKind.Progress,
        Percent = percent,
        Values = new Dictionary<string, JsonElement> { ["stage"] = JsonSerializer.SerializeToElement(stage) },
    };

    private ProgressLog Open() => new(_folder, TextWriter.Null);

    private string[] Files() => [.. Directory.GetFiles(_folder).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    private JobProgress Read(string file) => JsonSerializer.Deserialize<JobProgress>(File.ReadAllText(Path.Combine(_folder, file)), JsonDefaults.Options)!;
}
