using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Datasets;

/// <summary>A dropped file that names no pipeline: kept where it is, and recorded with the reason.</summary>
/// <param name="Path">Below the drop zone, as it came.</param>
/// <param name="Reason">What is wrong and what to do about it.</param>
/// <param name="Time">When it was found.</param>
public sealed record PoisonDrop(string Path, string Reason, DateTimeOffset Time);

/// <summary>Turns files in the drop zone into runs.</summary>
public sealed partial class DropService(DatasetService datasets, RunService runs, IObjectStore store, TimeProvider time, ILogger<DropService> logger)
{
    /// <summary>Takes in a file that arrived in the drop zone. Safe to repeat.</summary>
    /// <param name="path">Below the drop zone: tenant, pipeline and file, joined by '/'.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The run it leads to; null where it leads to none: a poison record then says why, or the file is gone.</returns>
    public async Task<(RunReference Reference, RunTicket Ticket)?> AcceptAsync(string path, CancellationToken cancellationToken)
    {
        if (Refusal(path) is { } reason)
        {
            await RefuseAsync(path, reason, cancellationToken);
            return null;
        }

        var parts = path.Split('/');
        var (tenant, pipeline, file) = (parts[0], parts[1], parts[2]);
        var properties = await store.GetPropertiesAsync(new ObjectPath(Containers.Incoming, path), cancellationToken);
        if (properties is null || await datasets.TakeDropAsync(tenant, pipeline, file, properties.ETag, cancellationToken) is not { } dataset)
        {
            return null;
        }

        var id = RunService.IdOfDrop(tenant, pipeline, file, properties.ETag, dataset.RemovedThrough);
        var ticket = await runs.RequestAsync(tenant, pipeline, pipeline, id, $"dropped file {file}", cancellationToken);
        LogAccepted(tenant, pipeline, ticket.Run.Id);
        return (new RunReference(tenant, ticket.Run.Id), ticket);
    }

    private static string? Refusal(string path) => path.Split('/') switch
    {
        [var tenant, _, _] when !Names.IsName(tenant) => $"'{tenant}' is not a tenant's name: 1 to 63 characters of a-z, 0-9 and '-'.",
        [_, var pipeline, _] when !Names.IsName(pipeline) => $"'{pipeline}' is not a pipeline's name: 1 to 63 characters of a-z, 0-9 and '-'.",
        [_, _, var file] when !Names.IsFileName(file) => $"'{file}' is not a usable file name: at most 200 letters, digits, spaces and '._-()'.",
        [_, _, _] => null,
        _ => "A file is dropped at {tenant}/{pipeline}/{file}, neither higher nor deeper. Move it there.",
    };

    /// <summary>Records why a dropped file leads to nothing; it stays where it is.</summary>
    public async Task RefuseAsync(string path, string reason, CancellationToken cancellationToken)
    {
        var tenant = path.Split('/')[0] is var first && Names.IsName(first) ? first : "_unknown";
        var key = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(path)))[..32];
        using var content = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(new PoisonDrop(path, reason, time.GetUtcNow()), JsonDefaults.Indented));
        await store.WriteAsync(new ObjectPath(Containers.Quarantine, $"{tenant}/drops/{key}.json"), content, options: null, cancellationToken);
        LogPoisoned(path, reason);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "A file dropped for {Tenant}/{Pipeline} leads to run {Run}.")]
    private partial void LogAccepted(string tenant, string pipeline, string run);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The dropped file '{Path}' leads to no run: {Reason}")]
    private partial void LogPoisoned(string path, string reason);
}
