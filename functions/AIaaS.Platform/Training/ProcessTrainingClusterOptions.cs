namespace AIaaS.Platform.Training;

/// <summary>Where and how a <see cref="ProcessTrainingCluster"/> runs its jobs.</summary>
public sealed record ProcessTrainingClusterOptions
{
    /// <summary>The folder of the jobs' own folders, <c>HOME/jobs</c>; made where it is missing. One host at a time uses it.</summary>
    public required string Root { get; init; }

    /// <summary>The trainer's executable or <c>.dll</c>; null for the one in <c>trainer/</c> beneath the application.</summary>
    public string? TrainerPath { get; init; }

    /// <summary>Jobs that run at the same time; the others wait in the order of their submission.</summary>
    public int MaxConcurrentJobs { get; init; } = Math.Clamp(Environment.ProcessorCount / 4, 1, 2);

    /// <summary>How often new files of running jobs are looked for.</summary>
    public TimeSpan MirrorInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How long a job may take to leave before it is killed.</summary>
    public TimeSpan LeaveTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the state of an ended job is kept here; its result stays in the object store.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromHours(24);
}
