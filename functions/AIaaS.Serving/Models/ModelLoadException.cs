namespace AIaaS.Serving.Models;

/// <summary>A model cannot be served. Only requests for this model fail.</summary>
/// <param name="model">The model.</param>
/// <param name="reason">Why, in words for the model's owner.</param>
/// <param name="innerException">What the source or ONNX Runtime said.</param>
public sealed class ModelLoadException(ModelReference model, string reason, Exception? innerException = null)
    : Exception($"Model {model} could not be loaded: {reason}", innerException)
{
    public ModelReference Model { get; } = model;

    /// <summary>Why, in words for the model's owner.</summary>
    public string Reason { get; } = reason;
}
