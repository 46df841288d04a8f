namespace AIaaS.Benchmarks;

/// <summary>One number to reach, measured beside a peer in one run.</summary>
internal interface IBenchmark
{
    string Name { get; }

    /// <summary>What is measured against what, in one line.</summary>
    string Description { get; }

    /// <summary>Measures, printing the figures of both sides.</summary>
    /// <exception cref="PeerMissingException">The peer is not installed here.</exception>
    Task<BenchmarkOutcome> RunAsync(CancellationToken cancellationToken);
}

/// <param name="Figure">The ratio or figure with its unit.</param>
/// <param name="Aim">What it should be, from the design.</param>
/// <param name="Met">Whether it is.</param>
internal sealed record BenchmarkOutcome(string Figure, string Aim, bool Met);

/// <summary>Tells how to install the peer.</summary>
internal sealed class PeerMissingException(string message) : Exception(message);
