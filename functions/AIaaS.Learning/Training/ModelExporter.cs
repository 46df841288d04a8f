using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Onnx.Protos;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Training;

/// <summary>Joins features, model and label names into the one graph that serves.</summary>
internal static class ModelExporter
{
    /// <param name="model">What was learned.</param>
    /// <param name="inputs">The raw features.</param>
    /// <param name="labels">The classes; null for a regression.</param>
    /// <param name="metadata">For the file's own metadata.</param>
    public static ModelProto Export(FittedModel model, IReadOnlyList<FeatureInput> inputs, ClassLabels? labels, IEnumerable<KeyValuePair<string, string>> metadata)
    {
        var graph = new GraphBuilder("model");
        foreach (var (key, value) in metadata)
            graph.Metadata.Add(key, value);

        var raw = FeaturePipeline.AddInputs(graph, inputs);
        var results = model.Parts.Select(part => part.Model.Build(part.Features.Build(raw))).ToArray();
        var result = results.Length == 1 ? results[0] : results.Zip(model.Parts, (own, part) => own * part.Weight).Aggregate((one, other) => one + other);
        if (model.Calibrator is { } calibrator)
            result = calibrator.Build(result);
        if (labels is null)
        {
            graph.Output(FeatureInput.Value, result);
        }
        else
        {
            var classes = graph.Constant("classes", labels.ToArray(), labels.Count);
            graph.Output(FeatureInput.Label, classes.Gather(result.ArgMax(1), axis: 0));
            graph.Output(FeatureInput.Probabilities, result);
        }

        return graph.ToModel();
    }

    public static IReadOnlyList<ModelOutput> Outputs(ClassLabels? labels) => labels is null
        ? [new(FeatureInput.Value, OutputRole.Value, TensorType.Float32, [-1])]
        :
        [
            new(FeatureInput.Label, OutputRole.Label, labels.Type, [-1]),
            new(FeatureInput.Probabilities, OutputRole.Probabilities, TensorType.Float32, [-1, labels.Count]),
        ];
}
