using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Serving.Models;

namespace AIaaS.Platform.Models;

/// <summary>A model that was made elsewhere.</summary>
/// <param name="File">The ONNX file.</param>
/// <param name="Signature"><c>signature.json</c> as its owner wrote it; null to make one of the graph.</param>
/// <param name="Background">Rows as <see cref="BackgroundSample"/> has them; null for none, and no explanations.</param>
public sealed record ImportedModel(byte[] File, byte[]? Signature, byte[]? Background = null);

/// <summary>Takes ONNX files that were made elsewhere into the registry, once they are known to load and run.</summary>
public sealed class ModelImporter(ModelRegistry registry, IdempotencyKeys idempotency, ModelServerOptions options, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    // A model under examination is in memory several times.
    private readonly SemaphoreSlim _examinations = new(1);

    /// <summary>Registers a new version.</summary>
    /// <param name="tenant">Whose model.</param>
    /// <param name="model">Its name; made where there is none.</param>
    /// <param name="imported">What was sent.</param>
    /// <param name="idempotencyKey">Gives the same version for the same files; null for none.</param>
    /// <param name="cancellationToken">Gives up; the version does not exist then.</param>
    /// <exception cref="ProblemException">The model cannot be served, and why.</exception>
    public async Task<Document<ModelVersion>> ImportAsync(
        string tenant, string model, ImportedModel imported, string? idempotencyKey, CancellationToken cancellationToken)
    {
        if (imported.File.Length == 0)
        {
            throw new ProblemException(Problem.MalformedBody, "The body is empty. Send the ONNX file.");
        }

        var given = imported.Signature is { } text ? JsonBody.Parse<ModelSignature>(text) : null;
        var signature = await ExamineAsync(model, imported, given, cancellationToken);
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(imported.File));
        var version = await registry.AllocateAsync(tenant, model, cancellationToken);
        if (idempotencyKey is not null)
        {
            var digest = string.Join('-', new[] { imported.File, imported.Signature ?? [], imported.Background ?? [] }.Select(part => Convert.ToHexStringLower(SHA256.HashData(part))));
            var claim = await idempotency.ClaimAsync(
                tenant, $"import-model/{model}", idempotencyKey, digest, version.ToString(CultureInfo.InvariantCulture), cancellationToken);
            version = int.Parse(claim.Resource, CultureInfo.InvariantCulture);
        }

        var now = time.GetUtcNow();
        var card = new ModelCard
        {
            Name = model,
            Task = signature.Task,
            Target = signature.Target?.Name,
            Trainer = "imported",
            Trained = now,
            Notes = ["Imported as an ONNX file; how it was trained is not known here.", .. signature.Inputs.Count == 0 ? ["It takes tensors only."] : Array.Empty<string>()],
        };
        var files = new Dictionary<string, byte[]>
        {
            [ModelVersion.ContentFile] = imported.File,
            [ModelSignature.FileName] = JsonSerializer.SerializeToUtf8Bytes(signature, JsonDefaults.Indented),
            [ModelCard.FileName] = JsonSerializer.SerializeToUtf8Bytes(card, JsonDefaults.Indented),
        };
        if (imported.Background is { } background)
        {
            files.Add(BackgroundSample.FileName, background);
        }

        return await registry.RegisterAsync(
            tenant,
            new ModelVersion { Model = model, Version = version, Created = now, Task = signature.Task, Sha256 = sha256, Bytes = imported.File.Length },
            files,
            cancellationToken);
    }

    public void Dispose() => _examinations.Dispose();

    private async Task<ModelSignature> ExamineAsync(string model, ImportedModel imported, ModelSignature? given, CancellationToken cancellationToken)
    {
        await _examinations.WaitAsync(cancellationToken);
        try
        {
            using var timeout = new CancellationTokenSource(Patience, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            try
            {
                return await Task.Run(() => ModelImport.ExamineAsync(model, imported.File, given, options, time, either.Token, imported.Background), either.Token);
            }
            catch (ModelLoadException refusal)
            {
                throw new ProblemException(Problem.UnusableModel, $"The model cannot be served: {refusal.Reason}");
            }
            catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new ProblemException(
                    Problem.UnusableModel, $"The model cannot be served: it did not load and run one row in {Patience.TotalSeconds:0} seconds.");
            }
        }
        finally
        {
            _examinations.Release();
        }
    }
}
