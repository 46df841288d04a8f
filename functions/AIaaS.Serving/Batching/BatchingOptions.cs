namespace AIaaS.Serving.Batching;

/// <summary>Whether requests that arrive together run together.</summary>
public enum BatchingMode
{
    /// <summary>Where a model's measured runs say that it pays.</summary>
    Auto,

    /// <summary>Always, where the model allows it.</summary>
    On,

    /// <summary>Never.</summary>
    Off,
}

/// <summary>How the requests for one model take turns.</summary>
public sealed record BatchingOptions
{
    public BatchingMode Mode { get; init; } = BatchingMode.Auto;

    /// <summary>Most rows of one run that several requests share.</summary>
    public int MaxRows { get; init; } = 1024;

    /// <summary>
    /// How long one run may hold up others, roughly: requests with more rows than the model does in this time run in parts,
    /// and requests are joined up to that many rows, or up to those of four requests where one alone takes longer.
    /// </summary>
    public TimeSpan Turn { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// Runs shorter than this take no turns: handing a request to another thread costs about as much as they do. Measured on
    /// two cores, see <c>docs/serving.md</c>.
    /// </summary>
    public TimeSpan ShortRun { get; init; } = TimeSpan.FromMicroseconds(100);

    /// <summary>Most requests that wait for one model; the next are refused.</summary>
    public int MaxWaiting { get; init; } = 256;

    /// <summary>Longest wait that is expected of a request; one that would wait longer is refused at once.</summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Runs of one model at the same time; null for one on each core, and one where a run itself uses all cores.</summary>
    public int? Lanes { get; init; }
}

/// <summary>What the runs of a loaded model were.</summary>
/// <param name="Runs">Runs of its graph.</param>
/// <param name="Requests">Requests in them; a request that ran in parts counts in each.</param>
/// <param name="Rows">Rows in them.</param>
/// <param name="JoinedRuns">Runs with more than one request.</param>
/// <param name="LargestRun">Most rows of one run.</param>
public readonly record struct RunStatistics(long Runs, long Requests, long Rows, long JoinedRuns, int LargestRun);

/// <summary>A request that is refused because too much is to be done already; the same request may succeed later.</summary>
/// <param name="reason">For the caller.</param>
/// <param name="retryAfter">When to try again.</param>
public sealed class PredictionOverloadException(string reason, TimeSpan retryAfter) : Exception(reason)
{
    public TimeSpan RetryAfter { get; } = retryAfter;
}
