using AIaaS.Formats;
using AIaaS.Learning;
using AIaaS.Learning.Sweeps;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;

namespace AIaaS.Platform.Runs;

/// <summary>A round of a run's sweep; rounds count from 1.</summary>
public sealed record RoundReference(RunReference Reference, int Round);

/// <param name="Jobs">How many jobs the round has; 0 where the sweep is over.</param>
/// <param name="Error">Why the run cannot go on; null where it can.</param>
public sealed record RoundPlan(int Jobs, ErrorDetail? Error = null);

/// <summary>Asks for attempts at jobs of a round.</summary>
/// <param name="Round">The round.</param>
/// <param name="Attempts">For each job of the round the attempt to be submitted; 0 for none.</param>
public sealed record RoundAttempts(RoundReference Round, IReadOnlyList<int> Attempts);

/// <summary>
/// Runs a sweep as rounds of jobs at the same time, each with several trials. What a round consists of is written down before any of it begins,
/// so that every method may be repeated.
/// </summary>
public sealed class TrialRounds(
    Catalog catalog, IObjectStore store, ITrainingCluster cluster, RunService runs, TrainingJobs jobs, TimeProvider time)
{
    /// <summary>Trials of one job, so that a node's start is paid once for all of them.</summary>
    private const int TrialsOfJob = 4;

    /// <summary>Settles what the round consists of, from what the rounds before it found.</summary>
    public async Task<RoundPlan> PlanAsync(RoundReference round, CancellationToken cancellationToken)
    {
        var run = await runs.ReportAsync(round.Reference, StageNames.Train, StageStatus.Running, 0, detail: null, cancellationToken);
        if (!run.IsWanted)
        {
            return new RoundPlan(0, StageRefusedException.Cancelled);
        }

        if (await FindAsync(round, cancellationToken) is { } planned)
        {
            return new RoundPlan(planned.Jobs.Count);
        }

        try
        {
            var planner = await PlannerAsync(round.Reference, run, cancellationToken);
            var before = await LoadAsync(round, cancellationToken);
            var finished = await ResultsAsync(round.Reference, before, cancellationToken);
            await TellAsync(round.Reference, planner, finished, cancellationToken);
            var now = time.GetUtcNow();
            var isOver = run.Definition!.Sweep.Timeout is { } timeout && before.Count > 0 && now >= before[0].Planned + timeout;
            var trials = isOver ? [] : planner.Next(finished, [], run.Definition.Sweep.MaxConcurrent * TrialsOfJob);
            var jobsOfRound = Math.Min(run.Definition.Sweep.MaxConcurrent, trials.Count);
            var document = new TrialRound
            {
                Round = round.Round,
                Planned = now,
                Jobs = [.. Enumerable.Range(0, jobsOfRound).Select(job => new TrialJob(
                    FormattableString.Invariant($"trials-{round.Round}-{job + 1}"), [.. trials.Where((_, at) => at % jobsOfRound == job)]))],
            };
            return new RoundPlan((await store.WriteOnceAsync(PathOf(round), document, cancellationToken)).Jobs.Count);
        }
        catch (TrainingException impossible)
        {
            return new RoundPlan(0, new ErrorDetail(impossible.Title, impossible.Message));
        }
    }

    /// <summary>Hands jobs of the round to the cluster.</summary>
    public async Task SubmitAsync(RoundAttempts attempts, CancellationToken cancellationToken)
    {
        var reference = attempts.Round.Reference;
        var run = (await runs.GetAsync(reference.Tenant, reference.Run, cancellationToken)).Value;
        var round = await RequireAsync(attempts.Round, cancellationToken);
        foreach (var (job, attempt) in round.Jobs.Zip(attempts.Attempts).Where(pair => pair.Second > 0))
        {
            await cluster.SubmitAsync(
                await jobs.DescribeAsync(
                    new TrainingAttempt(reference, attempt), run, job.Name, parameters => parameters with { Trials = job.Trials },
                    new Dictionary<string, (ObjectPath, string)>(), cancellationToken),
                cancellationToken);
        }
    }

    /// <summary>How the round's jobs stand, in their order.</summary>
    public async Task<IReadOnlyList<TrainingJobState>> GetAsync(RoundReference reference, CancellationToken cancellationToken)
    {
        var round = await RequireAsync(reference, cancellationToken);
        var states = new List<TrainingJobState>();
        foreach (var job in round.Jobs)
        {
            states.Add((await cluster.GetStatusAsync(IdOf(reference.Reference, job), cancellationToken)).State);
        }

        return states;
    }

    public async Task CancelAsync(RoundReference reference, CancellationToken cancellationToken)
    {
        foreach (var job in (await RequireAsync(reference, cancellationToken)).Jobs)
        {
            await cluster.CancelAsync(IdOf(reference.Reference, job), cancellationToken);
        }
    }

    /// <summary>What the job that makes the model needs of the trials: their results, and their predictions where there are any.</summary>
    internal async Task<IReadOnlyDictionary<string, (ObjectPath From, string To)>> InputsAsync(RunReference reference, CancellationToken cancellationToken)
    {
        var inputs = new Dictionary<string, (ObjectPath From, string To)>();
        foreach (var job in (await LoadAsync(new RoundReference(reference, int.MaxValue), cancellationToken)).SelectMany(round => round.Jobs))
        {
            foreach (var trial in job.Trials.Select(spec => spec.Trial))
            {
                foreach (var (name, file) in new[] { ("trial", TrialResult.FileNameOf(trial)), ("predictions", TrialResult.PredictionsFileNameOf(trial)) })
                {
                    var path = FileOf(reference, job, file);
                    if (await store.GetPropertiesAsync(path, cancellationToken) is not null)
                    {
                        inputs[FormattableString.Invariant($"{name}-{trial}")] = (path, $"{TrialResult.Folder}/{file}");
                    }
                }
            }
        }

        return inputs;
    }

    /// <returns>The job that did a trial; null where the run has no such trial, or all are one job's.</returns>
    internal async Task<string?> FindJobAsync(RunReference reference, int trial, CancellationToken cancellationToken)
        => (await LoadAsync(new RoundReference(reference, int.MaxValue), cancellationToken))
            .SelectMany(round => round.Jobs).FirstOrDefault(job => job.Trials.Any(spec => spec.Trial == trial))?.Name;

    private async Task<SweepPlanner> PlannerAsync(RunReference reference, Run run, CancellationToken cancellationToken)
    {
        var definition = run.Definition!;
        var version = await catalog.GetAsync(DatasetVersion.Kind, reference.Tenant, DatasetVersion.NameOf(run.Dataset, run.DatasetVersion), cancellationToken);
        var training = (long)(version.Value.Rows * (1 - definition.Split.Holdout));
        return SweepPlanner.Create(definition.Sweep, definition.Trainers, definition.Task!.Value, training, definition.Split.Seed);
    }

    private async Task TellAsync(RunReference reference, SweepPlanner planner, IReadOnlyList<TrialResult> finished, CancellationToken cancellationToken)
    {
        if (finished.Count == 0)
        {
            return;
        }

        var leaderboard = LeaderboardEntry.Of(planner.Rank(finished), []);
        var detail = FormattableString.Invariant($"{finished.Count} of up to {planner.MaxTrials} trials");
        var percent = Math.Min(90, 90.0 * finished.Count / Math.Max(planner.MaxTrials, finished.Count));
        await runs.ChangeAsync(
            reference, run => run.WithStage(StageNames.Train, StageStatus.Running, percent, detail) with { Leaderboard = leaderboard }, cancellationToken);
    }

    private async Task<IReadOnlyList<TrialResult>> ResultsAsync(RunReference reference, IReadOnlyList<TrialRound> rounds, CancellationToken cancellationToken)
    {
        var results = new List<TrialResult>();
        foreach (var job in rounds.SelectMany(round => round.Jobs))
        {
            foreach (var spec in job.Trials)
            {
                results.Add(await store.FindJsonAsync<TrialResult>(FileOf(reference, job, TrialResult.FileNameOf(spec.Trial)), cancellationToken) ?? new TrialResult
                {
                    Spec = spec,
                    Status = TrialStatus.Failed,
                    Error = await ErrorOfAsync(reference, job, cancellationToken),
                });
            }
        }

        return results;
    }

    private async Task<ErrorDetail> ErrorOfAsync(RunReference reference, TrialJob job, CancellationToken cancellationToken)
    {
        var outputs = Run.OutputsOf(reference, job.Name);
        var result = await store.FindJsonAsync<JobResult>(outputs with { Name = outputs.Name + JobResult.FileName }, cancellationToken);
        return result?.Error ?? new ErrorDetail("The trial's job did not end", "The job that was to do this trial left no result; its log may tell why.");
    }

    /// <summary>The rounds before this one, in their order.</summary>
    private async Task<IReadOnlyList<TrialRound>> LoadAsync(RoundReference round, CancellationToken cancellationToken)
    {
        var rounds = new List<TrialRound>();
        for (var number = 1; number < round.Round; number++)
        {
            if (await FindAsync(round with { Round = number }, cancellationToken) is not { } found)
            {
                break;
            }

            rounds.Add(found);
        }

        return rounds;
    }

    private Task<TrialRound?> FindAsync(RoundReference round, CancellationToken cancellationToken) => store.FindJsonAsync<TrialRound>(PathOf(round), cancellationToken);

    private async Task<TrialRound> RequireAsync(RoundReference round, CancellationToken cancellationToken)
        => await FindAsync(round, cancellationToken) ?? throw new InvalidDataException($"The round {round.Round} of the run '{round.Reference.Run}' was not planned.");

    private static TrainingJobId IdOf(RunReference reference, TrialJob job) => new(reference.Tenant, reference.Run, job.Name);

    private static ObjectPath PathOf(RoundReference round)
        => new(Containers.Runs, FormattableString.Invariant($"{round.Reference.Tenant}/{round.Reference.Run}/rounds/{round.Round:D4}.json"));

    private static ObjectPath FileOf(RunReference reference, TrialJob job, string file)
    {
        var outputs = Run.OutputsOf(reference, job.Name);
        return outputs with { Name = $"{outputs.Name}{TrialResult.Folder}/{file}" };
    }

    private sealed record TrialRound
    {
        public int SchemaVersion { get; init; } = 1;

        public required int Round { get; init; }

        public required DateTimeOffset Planned { get; init; }

        public required IReadOnlyList<TrialJob> Jobs { get; init; }
    }

    private sealed record TrialJob(string Name, IReadOnlyList<TrialSpec> Trials);
}
