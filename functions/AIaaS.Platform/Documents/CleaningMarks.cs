using AIaaS.Platform.Problems;
using AIaaS.Platform.Runs;

namespace AIaaS.Platform.Documents;

/// <summary>Says that housekeeping is to look at something: <c>catalog/_unfinished/{folder}/{tenant}/{name}.json</c>.</summary>
/// <param name="Time">When it was last said.</param>
internal sealed record CleaningMark(DateTimeOffset Time)
{
    /// <param name="folder">Its folder in the catalog.</param>
    /// <param name="what">What is marked, in messages.</param>
    internal static DocumentKind<CleaningMark> KindOf(string folder, string what) => new(folder, $"mark of the {what}", _ => new Dictionary<string, string>());
}

/// <summary>The marks of one kind of thing: set before what may leave something behind, and gone once there is nothing left to look for.</summary>
internal sealed class CleaningMarks(DocumentKind<CleaningMark> kind, Catalog catalog, TimeProvider time)
{
    public async Task MarkAsync(string tenant, string name, CancellationToken cancellationToken)
        => await catalog.UpsertAsync(kind, UnfinishedRun.AllTenants, $"{tenant}/{name}", _ => new CleaningMark(time.GetUtcNow()), cancellationToken);

    public Task<Document<CleaningMark>?> FindAsync(string tenant, string name, CancellationToken cancellationToken)
        => catalog.FindAsync(kind, UnfinishedRun.AllTenants, $"{tenant}/{name}", cancellationToken);

    /// <summary>Removes a mark, unless it was set anew since it was found.</summary>
    public async Task ForgetAsync(Document<CleaningMark> mark, CancellationToken cancellationToken)
    {
        try
        {
            await catalog.DeleteAsync(kind, UnfinishedRun.AllTenants, mark.Name, mark.ETag, cancellationToken);
        }
        catch (ProblemException marked) when (marked.Problem == Problem.PreconditionFailed)
        {
            // Marked anew since.
        }
    }

    /// <summary>Cleans everything that is marked; what cannot be cleaned keeps nothing else waiting.</summary>
    /// <param name="cleanAsync">Cleans one, by its tenant and name.</param>
    /// <param name="failed">Told of each that could not be cleaned.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task CleanAllAsync(
        Func<string, string, CancellationToken, Task> cleanAsync, Action<Exception, string, string> failed, CancellationToken cancellationToken)
    {
        foreach (var header in await catalog.ListHeadersAsync(kind, UnfinishedRun.AllTenants, "", cancellationToken))
        {
            var slash = header.Name.IndexOf('/', StringComparison.Ordinal);
            var (tenant, name) = (header.Name[..slash], header.Name[(slash + 1)..]);
            try
            {
                await cleanAsync(tenant, name, cancellationToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                failed(exception, tenant, name);
            }
        }
    }
}
