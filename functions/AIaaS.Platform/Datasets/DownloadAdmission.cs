using System.IO.Pipelines;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Datasets;

/// <summary>Bounds downloads that are made while they are sent: each has an engine or unpacked files for as long as its client reads.</summary>
public sealed class DownloadAdmission(PlatformOptions options, TimeProvider time)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _underWay = new(StringComparer.Ordinal);
    private int _total;

    /// <summary>Lets a download begin; to be disposed when it ends.</summary>
    /// <exception cref="ProblemException">There is no place for it now.</exception>
    public Download Enter(string tenant)
    {
        lock (_lock)
        {
            var mine = _underWay.GetValueOrDefault(tenant);
            if (mine >= options.MaxConcurrentDownloadsPerTenant)
            {
                throw new ProblemException(
                    Problem.TooManyRequests,
                    $"You have {mine} downloads as CSV under way, as many as you may. Wait until one of them ends, or ask for what is sent as it is stored: Parquet, or of rows put aside JSON Lines.")
                { RetryAfter = RetryAfter };
            }

            if (_total >= options.MaxConcurrentDownloads)
            {
                throw new ProblemException(
                    Problem.Unavailable,
                    "The server has as many downloads as CSV under way as it can. Try again in a moment, or ask for what is sent as it is stored: Parquet, or of rows put aside JSON Lines.")
                { RetryAfter = RetryAfter };
            }

            _underWay[tenant] = mine + 1;
            _total++;
        }

        return new Download(() => Leave(tenant), time);
    }

    private void Leave(string tenant)
    {
        lock (_lock)
        {
            _total--;
            if (--_underWay[tenant] is var left && left == 0)
            {
                _underWay.Remove(tenant);
            }
        }
    }
}

/// <summary>A download that was let in; written by one thread at a time.</summary>
public sealed class Download : IDisposable
{
    /// <summary>How long a client may read nothing, and how fast it must read what is before it.</summary>
    private const int SecondsOfPatience = 30;
    private const int SlowestBytesPerSecond = 4096;

    private readonly Action _leave;
    private readonly CancellationTokenSource _stalled;

    internal Download(Action leave, TimeProvider time) => (_leave, _stalled) = (leave, new CancellationTokenSource(Timeout.InfiniteTimeSpan, time));

    /// <summary>Sends what was written.</summary>
    /// <returns>False where nobody reads any more.</returns>
    /// <exception cref="ProblemException">The client is there and does not read.</exception>
    public async Task<bool> FlushAsync(PipeWriter output, CancellationToken cancellationToken)
    {
        _stalled.CancelAfter(TimeSpan.FromSeconds(SecondsOfPatience + (output.UnflushedBytes / SlowestBytesPerSecond)));
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_stalled.Token, cancellationToken);
        var reads = false;
        try
        {
            reads = !(await output.FlushAsync(either.Token)).IsCompleted;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Told below; a server's own writer ends here without an exception.
        }

        if (!reads && _stalled.IsCancellationRequested)
        {
            throw new ProblemException(Problem.Timeout, "The answer was not read. Read it while it comes, or write it to a file first.");
        }

        _stalled.CancelAfter(Timeout.InfiniteTimeSpan);
        return reads;
    }

    public void Dispose()
    {
        _stalled.Dispose();
        _leave();
    }
}
