using AIaaS.Formats;

namespace AIaaS.Serving.Models;

/// <summary>Where a <see cref="ModelServer"/> finds models; implemented by whoever stores them.</summary>
/// <remarks>An exception fails this load and is kept as the inner exception of a <see cref="ModelLoadException"/>.</remarks>
public interface IModelSource
{
    /// <summary>Reads what a model takes and gives.</summary>
    Task<ModelSignature> ReadSignatureAsync(ModelReference model, CancellationToken cancellationToken);

    /// <summary>Opens a model's ONNX file, which the caller reads to its end and disposes.</summary>
    Task<Stream> OpenFileAsync(ModelReference model, CancellationToken cancellationToken);
}
