using AIaaS.Platform.Storage;
using Microsoft.Extensions.Logging;

namespace AIaaS.Platform.Operations;

/// <summary>Whether this host can do its work: whether it reaches the object store.</summary>
/// <remarks>Anyone may ask, so the store is asked at most once in two seconds.</remarks>
public sealed partial class Readiness(IObjectStore store, TimeProvider time, ILogger<Readiness> logger)
{
    private static readonly TimeSpan MaximumAge = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly ObjectPath Probe = new(Containers.Catalog, "_health/probe");

    private readonly Lock _lock = new();
    private Task<bool>? _asked;
    private long _askedAt;

    public Task<bool> IsReadyAsync()
    {
        lock (_lock)
        {
            if (_asked is null || (_asked.IsCompleted && time.GetElapsedTime(_askedAt) >= MaximumAge))
            {
                _askedAt = time.GetTimestamp();
                _asked = AskAsync();
            }

            return _asked;
        }
    }

    private async Task<bool> AskAsync()
    {
        using var patience = new CancellationTokenSource(Patience, time);
        try
        {
            // That there is no such object is as good an answer as any.
            await store.GetPropertiesAsync(Probe, patience.Token);
            return true;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            LogUnreachable(exception);
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The object store cannot be reached")]
    private partial void LogUnreachable(Exception exception);
}
