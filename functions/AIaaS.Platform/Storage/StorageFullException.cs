namespace AIaaS.Platform.Storage;

/// <summary>The store has no room for what was to be written; nothing was.</summary>
public sealed class StorageFullException(string message, Exception innerException) : IOException(message, innerException);
