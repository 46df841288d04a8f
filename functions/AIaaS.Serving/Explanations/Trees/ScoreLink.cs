namespace AIaaS.Serving.Explanations.Trees;

/// <summary>What a graph makes of the scores of its trees, row by row in double precision.</summary>
internal sealed class ScoreLink
{
    // A forest's shares are kept off 0 and 1 by less than anybody can tell.
    private const double ClipTolerance = 1e-5;

    // Below this a 32-bit float softmax tells nothing any more.
    private const double SmallestProbability = 1e-7;

    private readonly List<Action<double[][]>> _steps;
    private readonly int[] _widths;
    private readonly int _result;

    private ScoreLink(List<Action<double[][]>> steps, int[] widths, Register result)
    {
        (_steps, _widths, _result) = (steps, widths, result.Index);
        if (!result.IsAffine)
            return;
        Slopes = new double[result.Width, widths[0]];
        var (registers, scores) = (CreateRegisters(), new double[widths[0]]);
        var constant = (double[])Apply(registers, scores).Clone();
        for (var score = 0; score < scores.Length; score++)
        {
            Array.Clear(scores);
            scores[score] = 1;
            var moved = Apply(registers, scores);
            for (var output = 0; output < moved.Length; output++)
                Slopes[output, score] = moved[output] - constant[output];
        }
    }

    /// <summary>How much each output rises with each score; null where outputs are no sums of scores.</summary>
    public double[,]? Slopes { get; }

    public int Outputs => _widths[_result];

    /// <summary>Memory for <see cref="Apply"/>, for one user at a time.</summary>
    public double[][] CreateRegisters() => Array.ConvertAll(_widths, width => new double[width]);

    /// <returns>The outputs, in memory that the next call writes to.</returns>
    public double[] Apply(double[][] registers, ReadOnlySpan<double> scores)
    {
        scores.CopyTo(registers[0]);
        foreach (var step in _steps)
            step(registers);
        return registers[_result];
    }

    /// <param name="graph">The model.</param>
    /// <param name="trees">The node of <paramref name="ensemble"/>.</param>
    /// <param name="ensemble">Its trees.</param>
    /// <param name="output">The model's output.</param>
    /// <param name="scale">The scale of its probabilities; anything where it gives none.</param>
    /// <returns>Null where the graph has operators between them that are not known.</returns>
    public static ScoreLink? Find(OnnxGraph graph, OnnxNode trees, TreeEnsemble ensemble, string output, ExplanationScale scale)
    {
        var compiler = new Compiler(graph, ensemble);
        compiler.AddTrees(trees);
        foreach (var node in graph.AncestorsOf(output))
            compiler.Add(node);
        return compiler.Finish(output, scale == ExplanationScale.LogOdds);
    }

    /// <summary>Turns probabilities into log-odds, for which the smallest are taken as <c>1e-7</c>.</summary>
    public static void ToLogOdds(Span<double> probabilities)
    {
        var sum = 0.0;
        foreach (ref var p in probabilities)
        {
            p = Math.Log(Math.Max(p, SmallestProbability));
            sum += p;
        }

        foreach (ref var p in probabilities)
            p -= (sum - p) / Math.Max(1, probabilities.Length - 1);
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static void Softmax(ReadOnlySpan<double> from, Span<double> to)
    {
        var (highest, sum) = (double.NegativeInfinity, 0.0);
        foreach (var x in from)
            highest = Math.Max(highest, x);
        for (var i = 0; i < to.Length; i++)
            sum += to[i] = Math.Exp(from[i] - highest);
        foreach (ref var x in to)
            x /= sum;
    }

    /// <param name="Index">Where it is.</param>
    /// <param name="Width">Numbers a row.</param>
    /// <param name="IsAffine">Whether they are sums of scores.</param>
    /// <param name="Logits">What they are the sigmoid or the softmax of; null where of nothing.</param>
    private sealed record Register(int Index, int Width, bool IsAffine, Register? Logits = null, bool IsSoftmax = false);

    private sealed class Compiler(OnnxGraph graph, TreeEnsemble ensemble)
    {
        private readonly List<Action<double[][]>> _steps = [];
        private readonly List<int> _widths = [ensemble.Targets];
        private readonly Dictionary<string, Register> _known = new(StringComparer.Ordinal);
        private readonly HashSet<string> _unreadable = new(StringComparer.Ordinal);
        private OnnxNode? _trees;

        public void AddTrees(OnnxNode node)
        {
            _trees = node;
            var scores = new Register(0, ensemble.Targets, true);
            var isClassifier = node.Is("TreeEnsembleClassifier", OnnxNode.MachineLearningDomain);
            var second = ensemble.Weights.Select(w => w.Target).Distinct().ToArray();
            if (isClassifier && ensemble.Targets == 2 && second.Length == 1)
            {
                // All weights are of one class, which says that they are for the second.
                var own = second[0];
                var score = Step(1, true, (registers, to) => to[0] = registers[0][own]);
                scores = Concat([node.Text("post_transform", "NONE") == "NONE" ? Map(score, true, x => 1 - x) : Map(score, true, x => -x), score]);
            }

            var result = node.Text("post_transform", "NONE") switch
            {
                "NONE" => scores,
                "LOGISTIC" => SigmoidOf(scores),
                "SOFTMAX" => SoftmaxOf(scores),
                _ => null,
            };
            Set(node.Outputs[isClassifier ? 1 : 0], result);
            if (isClassifier)
                _unreadable.Add(node.Outputs[0]);
        }

        public void Add(OnnxNode node)
        {
            if (node == _trees || node.Outputs.Length == 0)
                return;
            if (node.ReadsAround || Array.Exists(node.Inputs, _unreadable.Contains))
            {
                _unreadable.UnionWith(node.Outputs);
                return;
            }

            if (!Array.Exists(node.Inputs, _known.ContainsKey))
                return;
            Set(node.Outputs[0], Array.TrueForAll(node.Inputs, i => i.Length == 0 || _known.ContainsKey(i) || graph.IsConstant(i)) ? Compile(node) : null);
        }

        public ScoreLink? Finish(string output, bool asLogOdds)
        {
            if (!_known.TryGetValue(output, out var result))
                return null;
            if (asLogOdds)
                result = LogOdds(result);
            return new(_steps, [.. _widths], result);
        }

        private Register LogOdds(Register probabilities)
        {
            if (probabilities.Logits is not { } logits || (!probabilities.IsSoftmax && !AreOpposite(logits)))
                return Step(probabilities.Width, false, (registers, to) =>
                {
                    registers[probabilities.Index].CopyTo(to, 0);
                    ToLogOdds(to);
                });
            if (!probabilities.IsSoftmax)
                return logits;
            return Step(logits.Width, logits.IsAffine, (registers, to) =>
            {
                var from = registers[logits.Index];
                var sum = from.Sum();
                for (var i = 0; i < to.Length; i++)
                    to[i] = from[i] - ((sum - from[i]) / Math.Max(1, to.Length - 1));
            });
        }

        /// <summary>Whether two sigmoids are of a number and its negative, so that they are a probability and its complement.</summary>
        private bool AreOpposite(Register logits)
        {
            if (logits is not { Width: 2, IsAffine: true })
                return false;
            var link = new ScoreLink(_steps, [.. _widths], logits);
            var constant = link.Apply(link.CreateRegisters(), new double[ensemble.Targets]);
            return Math.Abs(constant[0] + constant[1]) < 1e-9
                && Enumerable.Range(0, ensemble.Targets).All(score => Math.Abs(link.Slopes![0, score] + link.Slopes[1, score]) < 1e-9);
        }

        private Register? Compile(OnnxNode node)
        {
            var inputs = Array.ConvertAll(node.Inputs, i => _known.GetValueOrDefault(i));
            switch (node.Type)
            {
                case "Identity" or "Cast" or "Reshape" or "Squeeze" or "Unsqueeze" or "Flatten":
                    return inputs[0];
                case "Neg":
                    return Map(inputs[0]!, inputs[0]!.IsAffine, x => -x);
                case "Exp":
                    return Map(inputs[0]!, false, Math.Exp);
                case "Log":
                    return Map(inputs[0]!, false, Math.Log);
                case "Sigmoid":
                    return SigmoidOf(inputs[0]!);
                case "Softmax" when node.Integer("axis", -1) is 1 or -1:
                    return SoftmaxOf(inputs[0]!);
                case "Clip":
                    return Clip(node, inputs[0]!);
                case "Concat" when node.Integer("axis", 0) is 1 or -1 && Array.TrueForAll(inputs, i => i is not null):
                    return Concat(inputs!);
                case "ReduceSum" when (node.Inputs.Length > 1 ? graph.ConstantOf(node.Inputs[1]) : Array.ConvertAll(node.Integers("axes"), a => (double)a)) is [1 or -1]:
                    return Step(1, inputs[0]!.IsAffine, (registers, to) => to[0] = registers[inputs[0]!.Index].Sum());
                case "Add":
                    return Combine(node, inputs, true, (a, b) => a + b);
                case "Sub":
                    return Combine(node, inputs, true, (a, b) => a - b);
                case "Mul":
                    return Combine(node, inputs, inputs[0] is null || inputs[1] is null, (a, b) => a * b);
                case "Div":
                    return Combine(node, inputs, inputs[1] is null, (a, b) => a / b);
                case "Pow":
                    return Combine(node, inputs, false, Math.Pow);
                default:
                    return null;
            }
        }

        private Register? Combine(OnnxNode node, Register?[] inputs, bool staysAffine, Func<double, double, double> function)
        {
            var constants = inputs.Zip(node.Inputs, (register, name) => register is null ? graph.ConstantOf(name) : null).ToArray();
            var widths = inputs.Zip(constants, (register, constant) => register?.Width ?? constant?.Length ?? 0).ToArray();
            var width = widths.Max();
            if (Array.Exists(widths, w => w != 1 && w != width))
                return null;
            return Step(width, staysAffine && Array.TrueForAll(inputs, i => i is null or { IsAffine: true }), (registers, to) =>
            {
                var first = constants[0] ?? registers[inputs[0]!.Index];
                var second = constants[1] ?? registers[inputs[1]!.Index];
                for (var i = 0; i < to.Length; i++)
                    to[i] = function(first[first.Length == 1 ? 0 : i], second[second.Length == 1 ? 0 : i]);
            });
        }

        private Register? Clip(OnnxNode node, Register from)
        {
            var least = node.Inputs.Length > 1 && node.Inputs[1].Length > 0 ? graph.ConstantOf(node.Inputs[1]) : [double.NegativeInfinity];
            var most = node.Inputs.Length > 2 && node.Inputs[2].Length > 0 ? graph.ConstantOf(node.Inputs[2]) : [double.PositiveInfinity];
            if (least is not [var low] || most is not [var high] || node.Has("min") || node.Has("max"))
                return null;
            return IsWithin(from, low - ClipTolerance, high + ClipTolerance) ? from : Map(from, false, x => Math.Min(Math.Max(x, low), high));
        }

        private bool IsWithin(Register register, double low, double high)
        {
            if (!register.IsAffine)
                return false;
            var link = new ScoreLink(_steps, [.. _widths], register);
            var (least, most) = ensemble.Bounds();
            var constant = (double[])link.Apply(link.CreateRegisters(), new double[ensemble.Targets]).Clone();
            return Enumerable.Range(0, register.Width).All(output =>
            {
                var (lowest, highest) = (constant[output], constant[output]);
                for (var score = 0; score < least.Length; score++)
                {
                    var (one, other) = (link.Slopes![output, score] * least[score], link.Slopes[output, score] * most[score]);
                    (lowest, highest) = (lowest + Math.Min(one, other), highest + Math.Max(one, other));
                }

                return lowest >= low && highest <= high;
            });
        }

        private Register SigmoidOf(Register logits) => Map(logits, false, Sigmoid) with { Logits = logits };

        private Register SoftmaxOf(Register logits) =>
            Step(logits.Width, false, (registers, to) => Softmax(registers[logits.Index], to)) with { Logits = logits, IsSoftmax = true };

        private Register Concat(Register[] parts)
        {
            var joined = Join(parts, Array.TrueForAll(parts, p => p.IsAffine));
            return Array.TrueForAll(parts, p => p is { Logits: not null, IsSoftmax: false })
                ? joined with { Logits = Join(Array.ConvertAll(parts, p => p.Logits!), Array.TrueForAll(parts, p => p.Logits!.IsAffine)) }
                : joined;
        }

        private Register Join(Register[] parts, bool isAffine) => Step(parts.Sum(p => p.Width), isAffine, (registers, to) =>
        {
            var at = 0;
            foreach (var part in parts)
            {
                registers[part.Index].CopyTo(to, at);
                at += part.Width;
            }
        });

        private Register Map(Register from, bool isAffine, Func<double, double> function) => Step(from.Width, isAffine, (registers, to) =>
        {
            var numbers = registers[from.Index];
            for (var i = 0; i < to.Length; i++)
                to[i] = function(numbers[i]);
        });

        private Register Step(int width, bool isAffine, Action<double[][], double[]> step)
        {
            var index = _widths.Count;
            _widths.Add(width);
            _steps.Add(registers => step(registers, registers[index]));
            return new(index, width, isAffine);
        }

        private void Set(string value, Register? register)
        {
            if (register is null)
                _unreadable.Add(value);
            else
                _known[value] = register;
        }
    }
}
