using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Runs;

/// <summary>A run as callers see it.</summary>
public sealed record RunView
{
    public required string Id { get; init; }

    public string? Pipeline { get; init; }

    public required string Dataset { get; init; }

    public required int Version { get; init; }

    public required RunStatus Status { get; init; }

    public required double Percent { get; init; }

    public required IReadOnlyList<RunStage> Stages { get; init; }

    public required IReadOnlyList<LeaderboardEntry> Leaderboard { get; init; }

    public ModelReference? Model { get; init; }

    public string? Endpoint { get; init; }

    public ErrorDetail? Error { get; init; }

    public required string Cause { get; init; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Started { get; init; }

    public DateTimeOffset? Ended { get; init; }

    public static RunView Of(Run run) => new()
    {
        Id = run.Id,
        Pipeline = run.Pipeline,
        Dataset = run.Dataset,
        Version = run.DatasetVersion,
        Status = run.Status,
        Percent = run.Percent,
        Stages = run.Stages,
        Leaderboard = run.Leaderboard,
        // The number is taken before the version exists; it is shown once it does.
        Model = run.Stages.Any(stage => stage is { Name: StageNames.Register, Status: StageStatus.Succeeded }) ? run.Model : null,
        Endpoint = run.Endpoint,
        Error = run.Error,
        Cause = run.Cause,
        Created = run.Created,
        Started = run.Started,
        Ended = run.Ended,
    };
}

/// <param name="View">The run.</param>
/// <param name="EventId">Names this state of it.</param>
public sealed record SeenRun(RunView View, string EventId);

/// <summary>Shows runs with the progress of their jobs, which is read from the jobs' files.</summary>
public sealed class RunViews(RunService runs, TrialRounds rounds, IObjectStore store, TimeProvider time)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);
    private const int ProgressPage = 1000;

    /// <exception cref="ProblemException">There is no such run.</exception>
    public async Task<SeenRun> GetAsync(RunReference reference, CancellationToken cancellationToken)
    {
        var run = (await runs.GetAsync(reference.Tenant, reference.Run, cancellationToken)).Value;
        var number = 0;
        if (JobUnderWay(run) is { } under && await FindLastProgressAsync(reference, under.Job, cancellationToken) is { } last)
        {
            (number, var progress) = last;
            if (progress.Percent is { } percent)
            {
                run = run.WithStage(under.Stage, StageStatus.Running, percent, DetailOf(progress));
            }
        }

        return new SeenRun(RunView.Of(run), string.Create(CultureInfo.InvariantCulture, $"{run.Revision}-{number}"));
    }

    private static (string Stage, string Job)? JobUnderWay(Run run) => run.Stages.FirstOrDefault(stage => stage.Status is StageStatus.Running)?.Name switch
    {
        StageNames.Train => (StageNames.Train, Run.TrainingJobName),
        StageNames.Prepare when run.Preparation is { AsJob: true } => (StageNames.Prepare, Run.PreparationJobName),
        _ => null,
    };

    /// <summary>Tells of every state of a run that is seen, until it has ended. Each event holds the whole state, so none is missed by a late reader.</summary>
    /// <param name="reference">The run.</param>
    /// <param name="lastEventId">The state the reader knows already; empty for none.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    public async IAsyncEnumerable<ServerEvent> WatchAsync(
        RunReference reference, string lastEventId, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var known = lastEventId;
        while (true)
        {
            var seen = await GetAsync(reference, cancellationToken);
            if (seen.EventId != known)
            {
                known = seen.EventId;
                yield return new ServerEvent(seen.EventId, "run", JsonSerializer.SerializeToUtf8Bytes(seen.View, JsonDefaults.Options));
            }

            if (seen.View.Status is RunStatus.Succeeded or RunStatus.Failed or RunStatus.Cancelled)
            {
                yield break;
            }

            await Task.Delay(LookEvery, time, cancellationToken);
        }
    }

    /// <summary>Opens what a trial's job printed; several trials share a job.</summary>
    /// <exception cref="ProblemException">There is no such run, or no such trial of it.</exception>
    public async Task<ObjectContent> OpenTrialLogAsync(RunReference reference, int trial, CancellationToken cancellationToken)
    {
        var run = (await runs.GetAsync(reference.Tenant, reference.Run, cancellationToken)).Value;
        var isKnown = trial == 1 || run.Leaderboard.Any(entry => entry.Trial == trial);
        var folder = Run.JobFolder(reference, await rounds.FindJobAsync(reference, trial, cancellationToken) ?? Run.TrainingJobName);
        var log = isKnown ? await store.OpenReadAsync(folder with { Name = folder.Name + "log.txt" }, range: null, cancellationToken) : null;
        return log ?? throw new ProblemException(Problem.NotFound, $"The run '{reference.Run}' has no log of a trial {trial} yet.");
    }

    private async Task<(int Number, JobProgress Progress)?> FindLastProgressAsync(RunReference reference, string job, CancellationToken cancellationToken)
    {
        var folder = Run.JobFolder(reference, job);
        var prefix = $"{folder.Name}outputs/{JobProgress.Folder}/";
        ObjectProperties? last = null;
        var count = 0;
        string? continuation = null;
        do
        {
            var page = await store.ListAsync(folder.Container, prefix, ProgressPage, continuation, cancellationToken);
            last = page.Items.Count > 0 ? page.Items[^1] : last;
            count += page.Items.Count;
            continuation = page.Continuation;
        }
        while (continuation is not null);

        if (last is null || await store.OpenReadAsync(last.Path, range: null, cancellationToken) is not { } content)
        {
            return null;
        }

        await using (content)
        {
            return await JsonSerializer.DeserializeAsync<JobProgress>(content.Stream, JsonDefaults.Options, cancellationToken) is { } progress
                ? (count, progress)
                : null;
        }
    }

    private static string? DetailOf(JobProgress progress)
    {
        if (progress.Values is not { } values)
        {
            return null;
        }

        var words = values.Where(value => value.Value.ValueKind is JsonValueKind.String or JsonValueKind.Number)
            .Select(value => value.Key == "stage" ? value.Value.ToString() : $"{value.Key} {value.Value}");
        return string.Join(", ", words);
    }
}
