using AIaaS.Formats;
using AIaaS.Serving.Batching;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Models;

/// <summary>Holds a loaded model for one request: until it is disposed the model stays usable, even when evicted meanwhile.</summary>
public sealed class ModelLease : IDisposable
{
    private LoadedModel? _model;

    /// <param name="model">Retained once already, on behalf of this lease.</param>
    internal ModelLease(LoadedModel model) => _model = model;

    public ModelReference Reference => Model.Reference;

    public ModelSignature Signature => Model.Signature;

    /// <summary>The graph's inputs by name.</summary>
    public IReadOnlyDictionary<string, NodeMetadata> Inputs => Model.Session.InputMetadata;

    /// <summary>The graph's outputs by name.</summary>
    public IReadOnlyDictionary<string, NodeMetadata> Outputs => Model.Session.OutputMetadata;

    internal LoadedModel Model => _model ?? throw new ObjectDisposedException(nameof(ModelLease));

    /// <summary>What the model's runs were since it was loaded.</summary>
    public RunStatistics Runs => Model.Queue.GetStatistics();

    /// <summary>Runs the graph on the caller's own tensors, in turn with the model's other requests.</summary>
    /// <param name="inputNames">Graph inputs.</param>
    /// <param name="inputs">One tensor for each, which stay the caller's and must live until the run has ended.</param>
    /// <param name="outputNames">Graph outputs that are wanted.</param>
    /// <param name="rows">What the run counts as among others: its first dimension, or 1 where there is none.</param>
    /// <param name="cancellationToken">Ends the wait and the run.</param>
    /// <returns>The outputs in the order of their names, to be disposed by the caller.</returns>
    /// <exception cref="Predictions.PredictionFailedException">The model failed.</exception>
    /// <exception cref="PredictionOverloadException">Too many wait for the model already.</exception>
    /// <exception cref="ModelBrokenException">The model failed on most of its latest requests.</exception>
    public async ValueTask<IDisposableReadOnlyCollection<OrtValue>> RunAsync(
        IReadOnlyCollection<string> inputNames,
        IReadOnlyList<OrtValue> inputs,
        IReadOnlyCollection<string> outputNames,
        int rows,
        CancellationToken cancellationToken) =>
        (await Model.RunAsync(new TensorCall(inputNames, inputs, outputNames, rows), timeout: null, cancellationToken)).Outputs;

    public void Dispose() => Interlocked.Exchange(ref _model, null)?.Release();
}
