using AIaaS.Formats;

namespace AIaaS.Serving.Models;

/// <summary>Where a <see cref="ModelServer"/> finds models; implemented by whoever stores them.</summary>
public interface IModelSource
{
    /// <summary>Opens a model's file, which the caller reads to its end and disposes.</summary>
    /// <remarks>An exception fails this load and is kept as the inner exception of a <see cref="ModelLoadException"/>.</remarks>
    Task<ModelContent> OpenAsync(ModelReference model, CancellationToken cancellationToken);
}

/// <summary>An open model.</summary>
/// <param name="signature">What the model takes and gives.</param>
/// <param name="stream">The ONNX file.</param>
public sealed class ModelContent(ModelSignature signature, Stream stream) : IAsyncDisposable
{
    public ModelSignature Signature { get; } = signature;

    public Stream Stream { get; } = stream;

    public ValueTask DisposeAsync() => Stream.DisposeAsync();
}
