using AIaaS.Formats;
using AIaaS.Serving.Inference;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Serving.Models;

/// <summary>A signature made of nothing but a graph's inputs and outputs.</summary>
internal static class DerivedSignature
{
    /// <summary>
    /// Each input with a free first dimension is a feature that every row must give, since nothing tells whether the graph imputes it.
    /// Inputs that have no rows, and outputs of types that rows have not, leave the model to callers who send tensors.
    /// </summary>
    /// <exception cref="ModelLoadException">It has no output that can be given back.</exception>
    public static ModelSignature Of(ModelReference reference, OnnxFile file, InferenceSession session)
    {
        var outputs = session.OutputNames.Select(name => OutputOf(name, session.OutputMetadata[name])).OfType<ModelOutput>().ToArray();
        if (outputs.Length == 0 && session.OutputMetadata.Values.Any(o => o.IsTensor && Datatype.Of(o.ElementDataType) is not null))
            return new() { Task = LearningTask.Other, Inputs = [], Outputs = [] };
        if (outputs.Length == 0)
            throw new ModelLoadException(reference, "none of its outputs is a tensor of numbers, booleans or strings; classifiers of scikit-learn need the converter's option zipmap=False.");
        outputs = WithRoles(outputs);
        var inputs = session.InputNames.Select(name => FeatureOf(name, file, session.InputMetadata[name])).ToArray();
        return new()
        {
            Task = outputs switch
            {
                _ when outputs.Any(o => o.Role == OutputRole.Label) => LearningTask.Classification,
                _ when outputs.Any(o => o.Role == OutputRole.Value) => LearningTask.Regression,
                _ => LearningTask.Other,
            },
            Inputs = inputs.All(i => i is not null) ? [.. inputs.Select(i => i!)] : [],
            Outputs = outputs,
        };
    }

    private static ModelFeature? FeatureOf(string name, OnnxFile file, NodeMetadata input)
    {
        if (input.IsTensor && input.ElementDataType == TensorElementType.UInt8 && input.Dimensions is [-1] && file.DecodedImages.Contains(name))
            return new() { Name = name, Input = name, Type = TensorType.Uint8, Kind = ColumnKind.Image, Required = true };
        if (!input.IsTensor || TypeOf(input.ElementDataType) is not { } type || input.Dimensions is not ([-1] or [-1, 1 or -1]))
            return null;
        return new()
        {
            Name = name,
            Input = name,
            Type = type,
            Kind = type switch
            {
                TensorType.Float32 or TensorType.Float64 => ColumnKind.Number,
                TensorType.Bool => ColumnKind.Boolean,
                TensorType.String => ColumnKind.Text,
                _ => ColumnKind.Integer,
            },
            Required = true,
        };
    }

    private static ModelOutput? OutputOf(string name, NodeMetadata output) =>
        output.IsTensor && TypeOf(output.ElementDataType) is { } type
            ? new(name, OutputRole.Other, type, [.. output.Dimensions.Select(d => (long)d)])
            : null;

    /// <summary>Says what an output means only where there is no doubt; the importer's own signature says more.</summary>
    private static ModelOutput[] WithRoles(ModelOutput[] outputs)
    {
        if (outputs is [{ Type: TensorType.Float32 or TensorType.Float64, Shape: [_] or [_, 1] } only])
            return [only with { Role = OutputRole.Value }];
        var labels = outputs
            .Where(o => o.Name.Contains("label", StringComparison.OrdinalIgnoreCase)
                && o.Type is TensorType.Int64 or TensorType.Int32 or TensorType.String && o.Shape is [_] or [_, 1])
            .ToArray();
        return labels is [var label] ? [.. outputs.Select(o => o == label ? o with { Role = OutputRole.Label } : o)] : outputs;
    }

    private static TensorType? TypeOf(TensorElementType type) => type switch
    {
        TensorElementType.Float => TensorType.Float32,
        TensorElementType.Double => TensorType.Float64,
        TensorElementType.Int32 => TensorType.Int32,
        TensorElementType.Int64 => TensorType.Int64,
        TensorElementType.Bool => TensorType.Bool,
        TensorElementType.String => TensorType.String,
        TensorElementType.UInt8 => TensorType.Uint8,
        _ => null,
    };
}
