namespace AIaaS.Data.Preparation;

/// <summary>Sources grow beyond what may be unpacked here, and may well be prepared where there is more room.</summary>
public sealed class SourcesTooLargeException() : Exception("The sources are larger than may be unpacked here.");

/// <summary>Counts what all sources of a preparation grow to.</summary>
/// <param name="maximum">Bytes at most; null for no bound.</param>
internal sealed class UnpackedBytes(long? maximum)
{
    private long _total;

    /// <exception cref="SourcesTooLargeException">It is more than the bound now.</exception>
    public void Add(long bytes)
    {
        _total += bytes;
        if (_total > maximum)
            throw new SourcesTooLargeException();
    }
}
