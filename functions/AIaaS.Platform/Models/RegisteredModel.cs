using System.Globalization;
using AIaaS.Formats;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Models;

/// <summary>A model: a name for its versions, and aliases that point to some of them.</summary>
public sealed record RegisteredModel
{
    public int SchemaVersion { get; init; } = 1;

    public required string Name { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Updated { get; init; }

    /// <summary>The highest version number ever given out; numbers are not used again, so gaps are possible.</summary>
    public int LastAllocated { get; init; }

    /// <summary>Alias to version, for instance <c>champion</c> to 3.</summary>
    public IReadOnlyDictionary<string, int> Aliases { get; init; } = new Dictionary<string, int>();

    /// <summary>The version that serves by default.</summary>
    public const string Champion = "champion";

    internal static DocumentKind<RegisteredModel> Kind { get; } = new("models", "model", model => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(model.Created),
    });
}

/// <summary>A model version: immutable, and existing once this document does.</summary>
public sealed record ModelVersion
{
    public int SchemaVersion { get; init; } = 1;

    public required string Model { get; init; }

    public required int Version { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required LearningTask Task { get; init; }

    public string? Run { get; init; }

    public string? Dataset { get; init; }

    public int? DatasetVersion { get; init; }

    /// <summary>On the holdout rows.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    /// <summary>Of <c>model.onnx</c>, lower-case hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Length of <c>model.onnx</c>.</summary>
    public required long Bytes { get; init; }

    public const string ContentFile = "model.onnx";

    internal static DocumentKind<ModelVersion> Kind { get; } = new("model-versions", "version of the model", version => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(version.Created),
    });

    internal static string NameOf(string model, int version) => $"{model}/{version.ToString("D8", CultureInfo.InvariantCulture)}";

    /// <summary>Takes apart what <see cref="NameOf"/> made.</summary>
    internal static (string Model, int Version) ParseName(string name)
    {
        var slash = name.LastIndexOf('/');
        return (name[..slash], int.Parse(name.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture));
    }

    /// <summary>Where a file of a version lies.</summary>
    internal static ObjectPath FileOf(string tenant, string model, int version, string file)
        => new(Containers.Models, string.Create(CultureInfo.InvariantCulture, $"{tenant}/{model}/{version}/{file}"));
}
