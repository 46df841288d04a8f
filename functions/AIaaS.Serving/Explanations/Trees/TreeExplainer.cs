using AIaaS.OnnxRuntime;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Explanations.Trees;

/// <summary>Explains a model whose output is made of the leaves of trees, and of nothing else of a row.</summary>
internal sealed class TreeExplainer : IDisposable
{
    private const int MostNodes = 10_000;
    private const int MostFeatures = 2_000;

    /// <summary>How far what was read of the trees may be from what the model gives, as a share of its largest output.</summary>
    private const double Tolerance = 1e-4;

    private readonly TreeEnsemble _ensemble;
    private readonly int[] _sources;
    private readonly int _features;
    private readonly Dictionary<ExplanationScale, ScoreLink> _links;
    private readonly InferenceSession _encoder;
    private readonly string[] _inputs;
    private readonly string _encoded;

    private TreeExplainer(
        TreeEnsemble ensemble, int[] sources, int features, Dictionary<ExplanationScale, ScoreLink> links, InferenceSession encoder, string[] inputs, string encoded) =>
        (_ensemble, _sources, _features, _links, _encoder, _inputs, _encoded) = (ensemble, sources, features, links, encoder, inputs, encoded);

    /// <summary>Whether a file has trees at all, in ONNX's format or in ONNX Runtime's.</summary>
    public static bool MayExplain(ReadOnlySpan<byte> file) => file.IndexOf("TreeEnsemble"u8) >= 0;

    /// <param name="file">The model's ONNX file.</param>
    /// <param name="plan">What it takes and gives.</param>
    /// <param name="output">What is to be explained.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null where the graph is not of this kind.</returns>
    public static TreeExplainer? Create(ReadOnlyMemory<byte> file, PredictionPlan plan, OutputPlan output, CancellationToken cancellationToken)
    {
        var graph = OnnxGraph.Read(file);
        if (!plan.KeepsRowsApart || graph.HasFunctions || graph.Nodes.Count > MostNodes || plan.Features.Length > MostFeatures
            || graph.Nodes.FindAll(n => n.Domain == OnnxNode.MachineLearningDomain && n.Type.StartsWith("TreeEnsemble", StringComparison.Ordinal)) is not [var trees]
            || TreeEnsemble.Read(trees) is not { } ensemble)
        {
            return null;
        }

        var links = new Dictionary<ExplanationScale, ScoreLink>();
        foreach (var scale in Enum.GetValues<ExplanationScale>())
        {
            if (ScoreLink.Find(graph, trees, ensemble, output.Output.Name, scale) is not { } link || link.Outputs != output.Width)
                return null;
            links[scale] = link;
        }

        var features = plan.Features.Index().ToDictionary(f => f.Item.Feature.Input, f => f.Index, StringComparer.Ordinal);
        var encoded = trees.Inputs[0];
        var unknown = new List<string>();
        var sources = ColumnSources.Find(graph, encoded, features, new Dictionary<string, int>(), unknown);
        var content = graph.Extract([encoded, .. unknown], out var inputs, out var outputs);
        var encoder = CreateSession(content, graph.Nodes.Exists(n => n.Domain is OnnxFile.ExtensionsDomain or OnnxFile.ContributedDomain), cancellationToken);
        try
        {
            var example = new RowBuffer(plan.Features);
            example.AddExample();
            using var results = Run(encoder, inputs, outputs, plan, example, cancellationToken);
            if (sources is null && unknown.Count > 0)
            {
                var widths = unknown.Index().ToDictionary(u => u.Item, u => (int)results[u.Index + 1].GetTensorTypeAndShape().ElementCount, StringComparer.Ordinal);
                sources = ColumnSources.Find(graph, encoded, features, widths, []);
            }

            var type = results[0].GetTensorTypeAndShape();
            if (sources is not null && type.ElementDataType == Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float && type.Shape is [1, var width]
                && width == sources.Length && width >= ensemble.Columns)
            {
                var explainer = new TreeExplainer(ensemble, sources, plan.Features.Length, links, encoder, inputs, outputs[0]);
                encoder = null;
                return explainer;
            }

            return null;
        }
        finally
        {
            encoder?.Dispose();
        }
    }

    /// <param name="plan">What the model takes and gives.</param>
    /// <param name="rows">The background rows, and after them those to explain.</param>
    /// <param name="background">How many are background rows.</param>
    /// <param name="given">What the model gives for each row: by which it is seen whether the trees were read aright.</param>
    /// <param name="scale">Of probabilities.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>An explanation for each row behind the background, or null for one that has to be found in another way.</returns>
    public Attribution?[] Explain(PredictionPlan plan, RowBuffer rows, int background, double[] given, ExplanationScale scale, CancellationToken cancellationToken)
    {
        var explained = new Attribution?[rows.Rows - background];
        using var results = Run(_encoder, _inputs, [_encoded], plan, rows, cancellationToken);
        var encoded = results[0].GetTensorDataAsSpan<float>().ToArray();
        if (!Reproduces(encoded, given))
            return explained;
        var width = _sources.Length;
        var shapley = new TreeShapley(_ensemble, _sources, _features, _links[scale]);
        for (var i = 0; i < explained.Length; i++)
            explained[i] = shapley.Explain(encoded.AsMemory((background + i) * width, width), encoded.AsMemory(0, background * width), cancellationToken);
        return explained;
    }

    public void Dispose() => _encoder.Dispose();

    private bool Reproduces(float[] encoded, double[] given)
    {
        var link = _links[ExplanationScale.Probability];
        var registers = link.CreateRegisters();
        var allowed = Tolerance * given.Max(Math.Abs);
        for (var row = 0; row < given.Length / link.Outputs; row++)
        {
            var ours = link.Apply(registers, _ensemble.Score(encoded.AsSpan(row * _sources.Length, _sources.Length)));
            for (var output = 0; output < ours.Length; output++)
            {
                // Written so that NaN is no match.
                if (!(Math.Abs(ours[output] - given[(row * ours.Length) + output]) <= allowed))
                    return false;
            }
        }

        return true;
    }

    private static InferenceSession CreateSession(byte[] model, bool usesExtensions, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var options = new SessionOptions { EnableMemoryPattern = false, IntraOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        if (usesExtensions)
            options.RegisterOrtExtensions();
        return new(model, options);
    }

    private static IDisposableReadOnlyCollection<OrtValue> Run(
        InferenceSession session, string[] inputs, string[] outputs, PredictionPlan plan, RowBuffer rows, CancellationToken cancellationToken)
    {
        using var runOptions = new RunOptions();
        using var registration = cancellationToken.UnsafeRegister(static o => ((RunOptions)o!).Terminate = true, runOptions);
        var values = rows.CreateValues(0, rows.Rows);
        try
        {
            var taken = plan.Features.Index().Where(f => inputs.Contains(f.Item.Feature.Input, StringComparer.Ordinal)).ToArray();
            return session.Run(runOptions, [.. taken.Select(f => f.Item.Feature.Input)], [.. taken.Select(f => values[f.Index])], outputs);
        }
        catch (OnnxRuntimeException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        finally
        {
            foreach (var value in values)
                value.Dispose();
        }
    }
}
