namespace AIaaS.Platform.Storage;

/// <summary>The containers; below each, names begin with the tenant.</summary>
public static class Containers
{
    /// <summary>The drop zone: <c>{tenant}/{pipeline}/{file}</c>.</summary>
    public const string Incoming = "incoming";

    public const string Datasets = "datasets";

    public const string Quarantine = "quarantine";

    public const string Runs = "runs";

    public const string Models = "models";

    public const string Predictions = "predictions";

    public const string Catalog = "catalog";
}
