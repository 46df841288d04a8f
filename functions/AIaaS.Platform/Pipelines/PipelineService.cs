using AIaaS.Platform.Documents;

namespace AIaaS.Platform.Pipelines;

/// <summary>Keeps the definitions of pipelines.</summary>
public sealed class PipelineService(Catalog catalog, TimeProvider time)
{
    public Task<Document<Pipeline>> GetAsync(string tenant, string pipeline, CancellationToken cancellationToken)
        => catalog.GetAsync(Pipeline.Kind, tenant, pipeline, cancellationToken);

    public Task<DocumentPage<Pipeline>> ListAsync(string tenant, int limit, string? continuation, CancellationToken cancellationToken)
        => catalog.ListAsync(Pipeline.Kind, tenant, new DocumentQuery { Limit = limit, Continuation = continuation }, cancellationToken);

    /// <summary>Makes or replaces a pipeline; runs under way keep the definition they began with.</summary>
    public Task<Written<Pipeline>> PutAsync(
        string tenant, string name, PipelineDefinition definition, WriteConditions conditions, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return catalog.PutAsync(
            Pipeline.Kind,
            tenant,
            name,
            current => new Pipeline { Name = name, Created = current?.Created ?? now, Updated = now, Definition = definition },
            conditions,
            cancellationToken);
    }

    public async Task DeleteAsync(string tenant, string pipeline, string? ifMatch, CancellationToken cancellationToken)
    {
        await GetAsync(tenant, pipeline, cancellationToken);
        await catalog.DeleteAsync(Pipeline.Kind, tenant, pipeline, ifMatch, cancellationToken);
    }
}
