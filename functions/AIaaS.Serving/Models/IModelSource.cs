using AIaaS.Formats;

namespace AIaaS.Serving.Models;

/// <summary>Where a <see cref="ModelServer"/> finds models; implemented by whoever stores them.</summary>
/// <remarks>An exception fails this load and is kept as the inner exception of a <see cref="ModelLoadException"/>.</remarks>
public interface IModelSource
{
    /// <summary>Reads what a model takes and gives.</summary>
    Task<ModelSignature> ReadSignatureAsync(ModelReference model, CancellationToken cancellationToken);

    /// <summary>Opens a model's ONNX file, which the caller reads to its end and disposes.</summary>
    Task<ModelFile> OpenFileAsync(ModelReference model, CancellationToken cancellationToken);
}

/// <summary>A model's ONNX file, opened.</summary>
/// <param name="Stream">Its content.</param>
/// <param name="Length">How many bytes there are in it, which says what memory a load takes before anything is read.</param>
public sealed record ModelFile(Stream Stream, long Length);
