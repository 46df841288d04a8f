using AIaaS.Formats;

namespace AIaaS.Serving.Models;

/// <summary>Holds a loaded model for one request: until it is disposed the model stays usable, even when evicted meanwhile.</summary>
public sealed class ModelLease : IDisposable
{
    private LoadedModel? _model;

    /// <param name="model">Retained once already, on behalf of this lease.</param>
    internal ModelLease(LoadedModel model) => _model = model;

    public ModelReference Reference => Model.Reference;

    public ModelSignature Signature => Model.Plan.Signature;

    internal LoadedModel Model => _model ?? throw new ObjectDisposedException(nameof(ModelLease));

    public void Dispose() => Interlocked.Exchange(ref _model, null)?.Release();
}
