using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Runs;

/// <summary>Starts runs once, keeps one active for each pipeline, and ends them.</summary>
/// <remarks>
/// Every step may be repeated after a crash at any point: a run is first listed as unfinished, then written,
/// then put in its pipeline's queue; whoever finds it later takes it on from there.
/// </remarks>
public sealed class RunService(Catalog catalog, IMessageQueue messages, TimeProvider time)
{
    /// <summary>How long a run may be queued without an instance before a message, or a timer, takes it on.</summary>
    public static readonly TimeSpan StrandedAfter = TimeSpan.FromMinutes(1);

    /// <summary>The run id that belongs to one version of one dropped file.</summary>
    /// <param name="tenant">Whose file.</param>
    /// <param name="pipeline">The pipeline that it was dropped for.</param>
    /// <param name="file">Its name.</param>
    /// <param name="etag">Its version; a copy that keeps its time has that of the file it was made of.</param>
    /// <param name="removedThrough">The last version that was deleted with the data set: the same file dropped after that is a drop of its own.</param>
    public static string IdOfDrop(string tenant, string pipeline, string file, string etag, int removedThrough)
    {
        var after = removedThrough == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"\n{removedThrough}");
        return "drop-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{tenant}/{pipeline}/{file}\n{etag}{after}")))[..40];
    }

    public string NewId() => Guid.CreateVersion7(time.GetUtcNow()).ToString();

    public Task<Document<Run>> GetAsync(string tenant, string run, CancellationToken cancellationToken)
        => catalog.GetAsync(Run.Kind, tenant, run, cancellationToken);

    public Task<DocumentPage<Run>> ListAsync(
        string tenant, string? pipeline, RunStatus? status, int limit, string? continuation, CancellationToken cancellationToken)
        => catalog.ListAsync(
            Run.Kind,
            tenant,
            new DocumentQuery
            {
                Limit = limit,
                Continuation = continuation,
                Where = header => (pipeline is null || header.Metadata.GetValueOrDefault(Run.PipelineKey) == pipeline)
                    && (status is null || header.Metadata.GetValueOrDefault(Run.StatusKey) == Run.StatusText(status.Value)),
            },
            cancellationToken);

    /// <summary>Asks for a run over a data set as it now is.</summary>
    /// <param name="tenant">Whose run.</param>
    /// <param name="pipeline">Null to prepare the data only.</param>
    /// <param name="dataset">The data set, whose sources are already recorded.</param>
    /// <param name="id">The run's id; the same id asks for the same run again.</param>
    /// <param name="cause">What started it, for people.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The run asked for, or the one already queued that it coalesces into.</returns>
    public async Task<RunTicket> RequestAsync(
        string tenant, string? pipeline, string dataset, string id, string cause, CancellationToken cancellationToken)
    {
        if (await catalog.FindAsync(Run.Kind, tenant, id, cancellationToken) is { } known)
        {
            return await EnqueueAsync(tenant, known.Value, cancellationToken);
        }

        if (pipeline is not null
            && await catalog.FindAsync(PipelineQueue.Kind, tenant, pipeline, cancellationToken) is { } queue
            && queue.Value.Queued.FirstOrDefault(other => other.Dataset == dataset) is { } place
            && await catalog.FindAsync(Run.Kind, tenant, place.Run, cancellationToken) is { Value: { Status: RunStatus.Queued } waiting })
        {
            return new RunTicket(waiting, StartNow: false);
        }

        // Comes once whoever asks should be done with it, and starts the run if they could not.
        await SendStartAsync(tenant, id, StrandedAfter, cancellationToken);
        var unfinished = new UnfinishedRun(tenant, id);
        // Written anew where a crash left one, so that nobody takes it for a dead writer's.
        await catalog.UpsertAsync(UnfinishedRun.Kind, UnfinishedRun.AllTenants, unfinished.Name, _ => unfinished, cancellationToken);
        var version = await AllocateVersionAsync(tenant, dataset, cancellationToken);
        var run = Run.Create(id, pipeline, dataset, version, cause, time.GetUtcNow());
        var created = await catalog.TryCreateAsync(Run.Kind, tenant, id, run, cancellationToken)
            ?? await catalog.GetAsync(Run.Kind, tenant, id, cancellationToken);
        return await EnqueueAsync(tenant, created.Value, cancellationToken);
    }

    /// <summary>Finds out whether a run is to be scheduled now; takes up what a crash left behind, a begun run without an instance included.</summary>
    public async Task<RunTicket> TakeUpAsync(RunReference reference, CancellationToken cancellationToken)
    {
        var run = (await catalog.GetAsync(Run.Kind, reference.Tenant, reference.Run, cancellationToken)).Value;
        return run.Status is RunStatus.Running or RunStatus.Waiting
            ? new RunTicket(run, StartNow: true)
            : await EnqueueAsync(reference.Tenant, run, cancellationToken);
    }

    /// <summary>Runs of all tenants that have not ended and were asked for a while ago.</summary>
    public async Task<IReadOnlyList<RunReference>> ListStrandedAsync(CancellationToken cancellationToken)
    {
        var headers = await catalog.ListHeadersAsync(UnfinishedRun.Kind, UnfinishedRun.AllTenants, "", cancellationToken);
        var before = time.GetUtcNow() - StrandedAfter;
        var stranded = new List<RunReference>();
        foreach (var header in headers.Where(header => header.Modified < before))
        {
            var slash = header.Name.IndexOf('/', StringComparison.Ordinal);
            var reference = new RunReference(header.Name[..slash], header.Name[(slash + 1)..]);
            var run = await catalog.FindAsync(Run.Kind, reference.Tenant, reference.Run, cancellationToken);
            if (run is null)
            {
                // The writer died before there was a run; whoever asked has had no answer.
                await ForgetUnfinishedAsync(header, cancellationToken);
            }
            else if (run.Value.HasEnded)
            {
                await ReleaseAsync(reference.Tenant, run.Value.Pipeline, reference.Run, cancellationToken);
            }
            else
            {
                stranded.Add(reference);
            }
        }

        return stranded;
    }

    /// <summary>Marks a run as begun.</summary>
    /// <returns>Null where it ended already, or was cancelled while it waited, and nothing is left to do.</returns>
    public async Task<Run?> BeginAsync(RunReference reference, CancellationToken cancellationToken)
    {
        var begun = await ChangeAsync(reference, run => run switch
        {
            { HasEnded: true } or { Status: RunStatus.Running } => run,
            _ => run with { Status = RunStatus.Running, Started = time.GetUtcNow() },
        }, cancellationToken);
        return begun.HasEnded ? null : begun;
    }

    /// <summary>Records how far a stage is.</summary>
    public Task<Run> ReportAsync(
        RunReference reference, string stage, StageStatus status, double percent, string? detail, CancellationToken cancellationToken)
        => ChangeAsync(reference, run => run.HasEnded ? run : run.WithStage(stage, status, percent, detail), cancellationToken);

    /// <summary>Makes sure that a run is to go on, before something that it did begins to count.</summary>
    /// <exception cref="StageRefusedException">It was asked to stop, or has ended.</exception>
    internal async Task DemandWantedAsync(RunReference reference, CancellationToken cancellationToken)
    {
        if (!(await GetAsync(reference.Tenant, reference.Run, cancellationToken)).Value.IsWanted)
        {
            throw new StageRefusedException(StageRefusedException.Cancelled);
        }
    }

    /// <summary>Changes a run's document.</summary>
    internal async Task<Run> ChangeAsync(RunReference reference, Func<Run, Run> change, CancellationToken cancellationToken)
    {
        var changed = await catalog.UpdateAsync(
            Run.Kind,
            reference.Tenant,
            reference.Run,
            run => change(run) is var next && ReferenceEquals(next, run) ? run : next with { Revision = run.Revision + 1 },
            cancellationToken);
        return changed.Value;
    }

    /// <summary>Ends a run and gives the next one of its pipeline its turn.</summary>
    public async Task<Run> EndAsync(RunReference reference, RunStatus status, ErrorDetail? error, CancellationToken cancellationToken)
    {
        var ended = await ChangeAsync(reference, run => run switch
        {
            { HasEnded: true } => run,
            // A stage that stops on request says so by failing.
            { CancelRequested: true } when status is RunStatus.Failed => run.AsEnded(RunStatus.Cancelled, error: null, time.GetUtcNow()),
            _ => run.AsEnded(status, error, time.GetUtcNow()),
        }, cancellationToken);
        await ReleaseAsync(reference.Tenant, ended.Pipeline, ended.Id, cancellationToken);
        return ended;
    }

    /// <summary>Asks a run to stop.</summary>
    /// <returns>The run; where it had not begun it is cancelled at once.</returns>
    /// <exception cref="ProblemException">It has ended already.</exception>
    public async Task<Run> CancelAsync(string tenant, string id, CancellationToken cancellationToken)
    {
        var reference = new RunReference(tenant, id);
        var run = await ChangeAsync(reference, run => run switch
        {
            { Status: RunStatus.Cancelled } or { CancelRequested: true } => run,
            { HasEnded: true } => throw new ProblemException(Problem.Conflict, $"The run '{id}' has {Run.StatusText(run.Status)} already and cannot be cancelled."),
            { Status: RunStatus.Queued } => run.AsEnded(RunStatus.Cancelled, error: null, time.GetUtcNow()) with { CancelRequested = true },
            _ => run with { CancelRequested = true },
        }, cancellationToken);
        if (run.HasEnded)
        {
            await ReleaseAsync(tenant, run.Pipeline, id, cancellationToken);
        }

        return run;
    }

    private async Task<int> AllocateVersionAsync(string tenant, string dataset, CancellationToken cancellationToken)
    {
        var changed = await catalog.UpdateAsync(
            Dataset.Kind, tenant, dataset, current => current with { LastAllocated = current.LastAllocated + 1 }, cancellationToken);
        return changed.Value.LastAllocated;
    }

    private async Task<RunTicket> EnqueueAsync(string tenant, Run run, CancellationToken cancellationToken)
    {
        if (run.Status is not RunStatus.Queued || run.Pipeline is null)
        {
            return new RunTicket(run, StartNow: run.Status is RunStatus.Queued);
        }

        while (true)
        {
            var queue = (await catalog.UpsertAsync(PipelineQueue.Kind, tenant, run.Pipeline, current => current switch
            {
                null => new PipelineQueue { ActiveRun = run.Id },
                _ when current.ActiveRun == run.Id || current.Queued.Any(other => other.Dataset == run.Dataset) => current,
                { ActiveRun: null } => current with { ActiveRun = run.Id },
                _ => current with { Queued = [.. current.Queued, new QueuedRun(run.Id, run.Dataset)] },
            }, cancellationToken)).Value;
            if (queue.ActiveRun == run.Id)
            {
                return new RunTicket(run, StartNow: true);
            }

            // A run whose place was not given back, since who ended it died or is about to do so, must hold up nobody.
            if (await FindUnendedAsync(tenant, queue.ActiveRun!, cancellationToken) is null)
            {
                await ReleaseAsync(tenant, run.Pipeline, queue.ActiveRun!, cancellationToken);
                continue;
            }

            var place = queue.Queued.First(other => other.Dataset == run.Dataset).Run;
            if (place == run.Id)
            {
                return new RunTicket(run, StartNow: false);
            }

            if (await FindUnendedAsync(tenant, place, cancellationToken) is not { } winner)
            {
                await ReleaseAsync(tenant, run.Pipeline, place, cancellationToken);
            }
            else
            {
                // Another request was queued first, and it will read the same sources.
                await catalog.DeleteAsync(Run.Kind, tenant, run.Id, ifMatch: null, cancellationToken);
                await ReleaseAsync(tenant, run.Pipeline, run.Id, cancellationToken);
                return new RunTicket(winner, StartNow: false);
            }
        }
    }

    private async Task<Run?> FindUnendedAsync(string tenant, string run, CancellationToken cancellationToken)
        => await catalog.FindAsync(Run.Kind, tenant, run, cancellationToken) is { Value: { HasEnded: false } unended } ? unended : null;

    /// <summary>Frees the place of a run that ended, or is no more, and gives the next one its turn.</summary>
    private async Task ReleaseAsync(string tenant, string? pipeline, string run, CancellationToken cancellationToken)
    {
        if (pipeline is not null)
        {
            var queue = (await catalog.UpsertAsync(PipelineQueue.Kind, tenant, pipeline, current => current switch
            {
                null => new PipelineQueue(),
                _ when current.ActiveRun == run => current with { ActiveRun = current.Queued is [var first, ..] ? first.Run : null, Queued = [.. current.Queued.Skip(1)] },
                _ when current.Queued.Any(other => other.Run == run) => current with { Queued = [.. current.Queued.Where(other => other.Run != run)] },
                _ => current,
            }, cancellationToken)).Value;

            // Sent again after a crash in between; starting twice is harmless.
            if (queue.ActiveRun is { } next && next != run)
            {
                await SendStartAsync(tenant, next, delay: null, cancellationToken);
            }
        }

        await catalog.DeleteAsync(UnfinishedRun.Kind, UnfinishedRun.AllTenants, new UnfinishedRun(tenant, run).Name, ifMatch: null, cancellationToken);
    }

    private Task SendStartAsync(string tenant, string run, TimeSpan? delay, CancellationToken cancellationToken)
        => messages.SendAsync(
            RunQueues.Start, BinaryData.FromObjectAsJson(new RunReference(tenant, run), JsonDefaults.Options), new SendOptions(Delay: delay), cancellationToken);

    private async Task ForgetUnfinishedAsync(DocumentHeader header, CancellationToken cancellationToken)
    {
        try
        {
            await catalog.DeleteAsync(UnfinishedRun.Kind, UnfinishedRun.AllTenants, header.Name, header.ETag, cancellationToken);
        }
        catch (ProblemException changed) when (changed.Problem == Problem.PreconditionFailed)
        {
            // Somebody asks for this run again just now.
        }
    }
}
