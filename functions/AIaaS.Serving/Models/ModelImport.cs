using System.Security.Cryptography;
using AIaaS.Formats;
using AIaaS.OnnxRuntime;
using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Models;

/// <summary>Finds out whether and how a file that was made elsewhere can be served.</summary>
public static class ModelImport
{
    /// <summary>
    /// Reads, loads and runs a model. Without a signature one is made of the graph's inputs and outputs; where they have no rows
    /// it has no features, and the model takes tensors only.
    /// </summary>
    /// <param name="name">The model's name, for messages.</param>
    /// <param name="file">The ONNX file.</param>
    /// <param name="given">What the importer says the model takes and gives; null to make it of the graph.</param>
    /// <param name="options">Of the server that is to serve it.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="cancellationToken">Ends the load and the run, which a hostile graph may never do by itself.</param>
    /// <param name="background">Its <see cref="BackgroundSample"/>; null for none.</param>
    /// <returns>The signature it can be served by.</returns>
    /// <exception cref="ModelLoadException">It cannot be served; the reason is for the importer.</exception>
    public static async Task<ModelSignature> ExamineAsync(
        string name, byte[] file, ModelSignature? given, ModelServerOptions options, TimeProvider timeProvider, CancellationToken cancellationToken, byte[]? background = null)
    {
        var reference = new ModelReference(name, 1, Convert.ToHexStringLower(SHA256.HashData(file)));
        var environment = new ModelEnvironment(options.MemoryBudgetBytes, options.Batching, DiskCache: null, Metrics: null, Statistics: null, timeProvider);
        if (given is not null)
        {
            await TryAsync(given);
            return given;
        }

        var derived = Derive(reference, file, cancellationToken);
        if (derived.Inputs.Count > 0)
        {
            try
            {
                await TryAsync(derived);
                return derived;
            }
            catch (ModelLoadException)
            {
                // Perhaps only rows are wrong for it; where it cannot be loaded at all, that comes out again below.
                derived = derived with { Inputs = [] };
            }
        }

        await TryAsync(derived);
        return derived;

        async Task TryAsync(ModelSignature signature)
        {
            var model = await LoadedModel.LoadAsync(
                new MemorySource(signature, file), reference, environment, reserve: static (_, _) => Task.CompletedTask, cancellationToken);
            try
            {
                if (background is not null)
                    Check(model, background);
            }
            finally
            {
                model.Release();
            }
        }
    }

    private static void Check(LoadedModel model, byte[] background)
    {
        try
        {
            var workspace = model.RentWorkspace();
            workspace.Parse(new(background), new PredictionContext("", "", 0, MaxRows: BackgroundSample.MostRows));
            var rows = workspace.Rows.Rows;
            model.ReturnWorkspace(workspace);
            if (rows == 0)
                throw new ModelLoadException(model.Reference, "its background sample has no rows.");
        }
        catch (PredictionRequestException e)
        {
            throw new ModelLoadException(model.Reference, $"its background sample does not fit it: {e.Message}", e);
        }
    }

    private static ModelSignature Derive(ModelReference reference, byte[] file, CancellationToken cancellationToken)
    {
        OnnxRuntimeTelemetry.CreateEnvironment();
        using var options = new SessionOptions
        {
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,
            IntraOpNumThreads = 1,
        };
        try
        {
            var onnx = OnnxFile.Read(file);
            if (onnx.UsesExtensions)
                options.RegisterOrtExtensions();
            using var registration = cancellationToken.UnsafeRegister(static o => ((SessionOptions)o!).SetLoadCancellationFlag(true), options);
            using var session = new InferenceSession(file, options);
            return DerivedSignature.Of(reference, onnx, session);
        }
        catch (InvalidDataException e)
        {
            throw new ModelLoadException(reference, e.Message, e);
        }
        catch (OnnxRuntimeException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new ModelLoadException(reference, $"ONNX Runtime cannot read it: {e.Message}", e);
        }
    }

    private sealed class MemorySource(ModelSignature signature, byte[] file) : IModelSource
    {
        public Task<ModelSignature> ReadSignatureAsync(ModelReference model, CancellationToken cancellationToken) => Task.FromResult(signature);

        public Task<ModelFile> OpenFileAsync(ModelReference model, CancellationToken cancellationToken) =>
            Task.FromResult(new ModelFile(new MemoryStream(file, writable: false), file.Length));
    }
}
