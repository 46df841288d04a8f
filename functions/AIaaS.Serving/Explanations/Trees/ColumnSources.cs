namespace AIaaS.Serving.Explanations.Trees;

/// <summary>Tells which feature each number of an encoded row is made of.</summary>
/// <remarks>Follows a graph whose rows stay apart, forwards from its inputs, by what its operators do to the columns of [rows, columns].</remarks>
internal static class ColumnSources
{
    /// <summary>The source of a number that is the same in every row.</summary>
    public const int None = -1;

    /// <summary>Work on each number by itself, as far as they are given several with the same number of columns.</summary>
    private static readonly HashSet<string> Elementwise = new(StringComparer.Ordinal)
    {
        "Abs", "Add", "And", "Binarizer", "Cast", "Ceil", "Clip", "Div", "Equal", "Exp", "Floor", "Greater", "GreaterOrEqual", "Identity", "Imputer", "IsInf", "IsNaN",
        "LabelEncoder", "Less", "LessOrEqual", "Log", "Max", "Min", "Mul", "Neg", "Not", "Or", "Pow", "Reciprocal", "Relu", "Round", "Scaler", "Sigmoid", "Sign", "Sqrt",
        "Sub", "Tanh", "Where",
    };

    /// <param name="graph">The model.</param>
    /// <param name="value">The encoded rows.</param>
    /// <param name="features">Features by the graph input that each has.</param>
    /// <param name="widths">Numbers a row of values for which the graph does not tell.</param>
    /// <param name="unknown">Is given the values for which it has to know more.</param>
    /// <returns>For each column a feature, or <see cref="None"/>; null where a column has several, or where it is not known.</returns>
    public static int[]? Find(OnnxGraph graph, string value, IReadOnlyDictionary<string, int> features, IReadOnlyDictionary<string, int> widths, ICollection<string> unknown)
    {
        var known = new Dictionary<string, int[]>(StringComparer.Ordinal);
        foreach (var (input, feature) in features)
            known[input] = [feature];
        foreach (var node in graph.AncestorsOf(value))
        {
            if (node.ReadsAround)
                return null;
            if (graph.IsConstant(node.Outputs[0]))
                continue;
            foreach (var output in node.Outputs)
            {
                if (ColumnsOf(graph, node, output, known, widths, unknown) is { } columns)
                    known[output] = columns;
            }
        }

        return known.GetValueOrDefault(value);
    }

    private static int[]? ColumnsOf(
        OnnxGraph graph, OnnxNode node, string output, Dictionary<string, int[]> known, IReadOnlyDictionary<string, int> widths, ICollection<string> unknown)
    {
        var inputs = node.Inputs.Where(i => i.Length > 0 && !graph.IsConstant(i)).ToArray();
        if (inputs.Length == 0)
            return null;
        if (Array.TrueForAll(inputs, known.ContainsKey))
        {
            var columns = Array.ConvertAll(inputs, i => known[i]);
            if ((node.Type == "Concat" && node.Integer("axis", 0) is 1 or -1 && inputs.Length == node.Inputs.Length) || node.Type == "FeatureVectorizer")
                return [.. columns.SelectMany(c => c)];
            if (Elementwise.Contains(node.Type) && Join(graph, node, columns) is { } joined)
                return joined;
        }

        // Whatever is made of one feature alone is that feature's.
        if (FeaturesBefore(graph, node, known) is not [var only])
            return null;
        if (widths.TryGetValue(output, out var width))
            return [.. Enumerable.Repeat(only, width)];
        unknown.Add(output);
        return null;
    }

    private static int[]? Join(OnnxGraph graph, OnnxNode node, int[][] columns)
    {
        // A constant of several columns makes as many of one.
        var width = node.Inputs.Where(graph.IsConstant).Select(i => node.Type is "Clip" or "LabelEncoder" ? 1 : graph.ConstantOf(i)?.Length ?? 1).Concat(columns.Select(c => c.Length)).Max();
        var result = new int[width];
        for (var column = 0; column < width; column++)
        {
            var sources = columns.Select(c => c.Length == 1 ? c[0] : c.Length == width ? c[column] : int.MinValue).Where(s => s != None).Distinct().ToArray();
            if (sources.Length > 1 || sources.Contains(int.MinValue))
                return null;
            result[column] = sources.Length == 0 ? None : sources[0];
        }

        return result;
    }

    private static int[] FeaturesBefore(OnnxGraph graph, OnnxNode node, Dictionary<string, int[]> known)
    {
        var features = new HashSet<int>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>(node.Inputs);
        while (open.TryPop(out var value) && features.Count < 2)
        {
            if (!seen.Add(value))
                continue;
            if (known.TryGetValue(value, out var columns))
                features.UnionWith(columns.Where(c => c != None));
            else if (graph.ProducerOf(value) is { } producer)
                Array.ForEach(producer.Inputs, open.Push);
        }

        return [.. features];
    }
}
