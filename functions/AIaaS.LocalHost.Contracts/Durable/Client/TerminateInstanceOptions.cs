namespace Microsoft.DurableTask.Client;

/// <summary>How to terminate an instance.</summary>
/// <param name="Output">The output the terminated instance gets.</param>
/// <param name="Recursive">Whether its sub-orchestrations are terminated too.</param>
public record TerminateInstanceOptions(object? Output = null, bool Recursive = false);
