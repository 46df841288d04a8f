namespace Microsoft.DurableTask.Client;

/// <summary>How to purge an instance.</summary>
/// <param name="Recursive">Not supported by the genuine packages of this version: no effect.</param>
public record PurgeInstanceOptions(bool Recursive = false);
