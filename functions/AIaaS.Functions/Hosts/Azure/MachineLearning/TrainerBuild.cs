using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;

namespace AIaaS.Functions.Hosts.Azure.MachineLearning;

/// <summary><c>trainer-build.json</c> in the package of the function app: which trainer belongs to it, and what it is made of.</summary>
/// <remarks>Made by <c>infra/hooks/pack-trainer.cs</c>; the same file, written last, marks a complete upload at <c>trainer/{id}/build.json</c>.</remarks>
internal sealed record TrainerBuild
{
    public const string FileName = "trainer-build.json";
    public const string Container = "trainer";

    /// <summary>The archive for nodes without GPUs.</summary>
    public const string Cpu = "cpu";

    /// <summary>The archive with the CUDA provider.</summary>
    public const string Cuda = "cuda";

    private const string MarkerName = "build.json";

    public int SchemaVersion { get; init; } = 1;

    /// <summary>A hash over the contents of all archives.</summary>
    public required string Id { get; init; }

    /// <summary>By device: <see cref="Cpu"/> always, <see cref="Cuda"/> where it was built.</summary>
    public required IReadOnlyDictionary<string, TrainerArchive> Archives { get; init; }

    public ObjectPath Marker => new(Container, $"{Id}/{MarkerName}");

    /// <exception cref="ProblemException">The build was made without an archive for such a device.</exception>
    public ObjectPath ArchiveFor(string device) => Archives.TryGetValue(device, out var archive)
        ? new ObjectPath(Container, $"{Id}/{archive.File}")
        : throw new ProblemException(
            Problem.Unavailable, $"This deployment has no trainer for '{device}'. Name a cluster without GPUs under 'compute.cluster', or deploy again with infra/hooks/build-trainer having built '{device}'.");

    /// <exception cref="ProblemException">The package names no trainer.</exception>
    public static TrainerBuild Read(string folder)
    {
        try
        {
            using var file = File.OpenRead(Path.Combine(folder, FileName));
            return JsonSerializer.Deserialize<TrainerBuild>(file, JsonDefaults.Options) ?? throw new JsonException("It holds null.");
        }
        catch (Exception unusable) when (unusable is IOException or JsonException)
        {
            throw new ProblemException(
                Problem.Unavailable, "This function app was packaged without its trainer. Run infra/hooks/build-trainer before packaging it ('azd up' does), and deploy it again.");
        }
    }
}

/// <param name="File">Its name beneath the build's folder.</param>
/// <param name="Sha256">Lower-case hexadecimal.</param>
/// <param name="Bytes">Length in bytes.</param>
internal sealed record TrainerArchive(string File, string Sha256, long Bytes);
