namespace AIaaS.LocalHost.Durable;

/// <summary>How the durable engine works.</summary>
internal sealed record DurableEngineOptions
{
    /// <summary>Where histories lie; made when absent. Only one engine may use it at a time.</summary>
    public required string Folder { get; init; }

    /// <summary>How many activities run at once.</summary>
    public int MaxConcurrentActivities { get; init; } = 10 * Environment.ProcessorCount;

    /// <summary>
    /// Forget each orchestration between its turns and replay it from disk, as a restart would. Slow; it shows
    /// orchestrators that are not deterministic.
    /// </summary>
    public bool ReplayEveryTurn { get; init; }

    /// <summary>How often written records are forced to the disk; <see cref="TimeSpan.Zero"/> leaves it to the operating system.</summary>
    public TimeSpan FlushInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the engine waits before it tries again what the disk refused.</summary>
    public TimeSpan FaultDelay { get; init; } = TimeSpan.FromSeconds(1);
}
