using System.Security.Cryptography;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Models;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Tests.Runs;
using AIaaS.Serving.Tests;

namespace AIaaS.Platform.Tests.Models;

/// <summary>A registry and what a training job leaves for it.</summary>
internal sealed class RegistryWorld : IDisposable
{
    public static readonly ObjectPath Outputs = Run.OutputsOf(RunWorld.Reference("run"), Run.TrainingJobName);

    public RegistryWorld() => Registry = new ModelRegistry(Runs.Catalog, Runs.Store, Runs.Time);

    public RunWorld Runs { get; } = new();

    public ModelRegistry Registry { get; }

    /// <summary>Leaves a file as a job would.</summary>
    public async Task<JobArtifact> LeaveAsync(string file, byte[] bytes)
    {
        await Runs.Store.WriteAsync(Outputs with { Name = Outputs.Name + file }, new MemoryStream(bytes), null, default);
        return new JobArtifact(file, Convert.ToHexStringLower(SHA256.HashData(bytes)), bytes.Length);
    }

    /// <summary>Takes a number and registers a model under it.</summary>
    public async Task<int> RegisterAsync(string model, TestModel? served = null)
    {
        served ??= TestModels.Mean;
        var version = await Registry.AllocateAsync(RunWorld.Tenant, model, default);
        JobArtifact[] artifacts =
        [
            await LeaveAsync(ModelVersion.ContentFile, served.Read()),
            await LeaveAsync(ModelSignature.FileName, JsonSerializer.SerializeToUtf8Bytes(served.Signature, JsonDefaults.Options)),
        ];
        await RegisterAsync(Describe(model, version, artifacts[0]), artifacts);
        return version;
    }

    public Task RegisterAsync(ModelVersion version, params JobArtifact[] artifacts)
        => Registry.RegisterAsync(RunWorld.Tenant, version, Outputs, artifacts, default);

    public ModelVersion Describe(string model, int version, JobArtifact content) => new()
    {
        Model = model,
        Version = version,
        Created = Runs.Time.GetUtcNow(),
        Task = LearningTask.Regression,
        Sha256 = content.Sha256,
        Bytes = content.Bytes,
    };

    public void Dispose() => Runs.Dispose();
}
