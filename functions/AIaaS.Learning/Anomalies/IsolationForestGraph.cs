using AIaaS.Data.Anomalies;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Onnx.Protos;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Anomalies;

/// <summary>An isolation forest as a graph: the scores are those of <see cref="IsolationForest.Score"/>, but for the rounding of single precision.</summary>
internal static class IsolationForestGraph
{
    public const string Output = "score";

    /// <summary>The model that serves: a float input of shape [rows, 1] for each feature, missing is NaN; a float output of shape [rows].</summary>
    /// <param name="forest">A fitted forest.</param>
    /// <param name="inputs">Its features, in the order of the columns that it was fitted on.</param>
    /// <param name="metadata">For the file's own metadata.</param>
    public static ModelProto Export(IsolationForest forest, IReadOnlyList<FeatureInput> inputs, IEnumerable<KeyValuePair<string, string>> metadata)
    {
        var graph = new GraphBuilder("isolation_forest");
        foreach (var (key, value) in metadata)
            graph.Metadata.Add(key, value);
        var raw = inputs.Select(i => graph.Input(i.Input, TensorElementType.Float, ["rows", 1])).ToArray().Concat(axis: 1);
        graph.Output(FeatureInput.Reserve(Output, inputs), raw.IsolationForestScore(forest));
        return graph.ToModel();
    }

    /// <summary>Scores of rows of raw features, shape [rows, features]; the result has shape [rows].</summary>
    public static Value IsolationForestScore(this Value raw, IsolationForest forest)
    {
        if (raw.Shape.SizeOf(1) != forest.Features)
            throw new ArgumentException($"The forest takes {forest.Features} features, not those of {raw}.", nameof(raw));

        var graph = raw.Graph;
        var imputed = raw.IsNaN().Where(graph.Constant("medians", forest.Medians.ToArray(), forest.Features), raw);
        var ensemble = new Ensemble();
        for (var tree = 0; tree < forest.Trees.Count; tree++)
            ensemble.Add(tree, forest.Trees[tree]);
        var rows = raw.Shape[0];
        var length = graph.Apply(
            "TreeEnsembleRegressor",
            [imputed],
            [(TensorElementType.Float, [rows, 1])],
            GraphBuilder.MachineLearningDomain,
            [.. ensemble.Attributes, ("n_targets", 1L), ("aggregate_function", "AVERAGE")])[0];
        return (length * (-Math.Log(2) / forest.MeanPathLength)).Exp().Reshape([rows]);
    }

    /// <summary>The trees as the operator wants them: parallel lists of nodes and of leaves.</summary>
    private sealed class Ensemble
    {
        private readonly List<long> _trees = [];
        private readonly List<long> _nodes = [];
        private readonly List<long> _features = [];
        private readonly List<string> _modes = [];
        private readonly List<float> _thresholds = [];
        private readonly List<long> _whereTrue = [];
        private readonly List<long> _whereFalse = [];
        private readonly List<long> _leafTrees = [];
        private readonly List<long> _leafNodes = [];
        private readonly List<float> _lengths = [];

        public (string Name, object Value)[] Attributes =>
        [
            ("nodes_treeids", _trees.ToArray()),
            ("nodes_nodeids", _nodes.ToArray()),
            ("nodes_featureids", _features.ToArray()),
            ("nodes_modes", _modes.ToArray()),
            ("nodes_values", _thresholds.ToArray()),
            ("nodes_truenodeids", _whereTrue.ToArray()),
            ("nodes_falsenodeids", _whereFalse.ToArray()),
            ("target_treeids", _leafTrees.ToArray()),
            ("target_nodeids", _leafNodes.ToArray()),
            ("target_ids", new long[_leafTrees.Count]),
            ("target_weights", _lengths.ToArray()),
        ];

        public void Add(int number, IsolationTree tree) => Add(number, tree, node: 0);

        /// <summary>Adds a node and what is below it; branches that the heap only pads end where they end in truth.</summary>
        private void Add(int number, IsolationTree tree, int node)
        {
            var isLeaf = node >= tree.Features.Length || float.IsPositiveInfinity(tree.Thresholds[node]);
            _trees.Add(number);
            _nodes.Add(node);
            _features.Add(isLeaf ? 0 : tree.Features[node]);
            _modes.Add(isLeaf ? "LEAF" : "BRANCH_LEQ");
            _thresholds.Add(isLeaf ? 0 : tree.Thresholds[node]);
            _whereTrue.Add(isLeaf ? 0 : (2 * node) + 1);
            _whereFalse.Add(isLeaf ? 0 : (2 * node) + 2);
            if (isLeaf)
            {
                var leaf = node;
                while (leaf < tree.Features.Length)
                    leaf = (2 * leaf) + 1;
                _leafTrees.Add(number);
                _leafNodes.Add(node);
                _lengths.Add(tree.PathLengths[leaf - tree.Features.Length]);
                return;
            }

            Add(number, tree, (2 * node) + 1);
            Add(number, tree, (2 * node) + 2);
        }
    }
}
