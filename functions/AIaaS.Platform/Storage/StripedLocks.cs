namespace AIaaS.Platform.Storage;

/// <summary>Mutual exclusion by key over a fixed number of locks: two keys may share one, so none may be taken inside another.</summary>
internal sealed class StripedLocks(int count)
{
    private readonly SemaphoreSlim[] _stripes = [.. Enumerable.Range(0, count).Select(_ => new SemaphoreSlim(1, 1))];

    public async ValueTask<Holder> EnterAsync(string key, CancellationToken cancellationToken)
    {
        // Some file systems take 'A' and 'a' for one file.
        var hash = (uint)StringComparer.OrdinalIgnoreCase.GetHashCode(key);
        var stripe = _stripes[hash % (uint)_stripes.Length];
        await stripe.WaitAsync(cancellationToken);
        return new Holder(stripe);
    }

    /// <summary>Leaves the lock when disposed; the default value holds none.</summary>
    public readonly struct Holder(SemaphoreSlim? stripe) : IDisposable
    {
        public void Dispose() => stripe?.Release();
    }
}
