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
        // A clip that hardly binds is left out where that makes a sum of trees, and only there: a logarithm behind it tells 0 from 1e-6.
        return Compile(keepsClips: false) is { Slopes: not null } sum ? sum : Compile(keepsClips: true);

        ScoreLink? Compile(bool keepsClips)
        {
            var compiler = new Compiler(graph, ensemble, keepsClips);
            compiler.AddTrees(trees);
            foreach (var node in graph.AncestorsOf(output))
                compiler.Add(node);
            return compiler.Finish(output, scale == ExplanationScale.LogOdds);
        }
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

    /// <summary>What the numbers of a register are, said by those of another one.</summary>
    private enum Form
    {
        Unknown,
        Sigmoid,
        NegativeSigmoid,
        Softmax,

        /// <summary>Sigmoids over their complements.</summary>
        Odds,

        /// <summary>The other numbers and one more that is the same for all of a row, of which a softmax takes no notice.</summary>
        Shifted,
    }

    /// <param name="Index">Where it is.</param>
    /// <param name="Width">Numbers a row.</param>
    /// <param name="IsAffine">Whether they are sums of scores.</param>
    /// <param name="Form">What they are of <paramref name="Of"/>.</param>
    /// <param name="Of">Null where they are nothing that is known.</param>
    private sealed record Register(int Index, int Width, bool IsAffine, Form Form = Form.Unknown, Register? Of = null)
    {
        public Register As(Form form, Register of) => this with { Form = form, Of = of };
    }

    /// <param name="graph">The model.</param>
    /// <param name="ensemble">Its trees.</param>
    /// <param name="keepsClips">Whether a clip that binds by next to nothing is one all the same.</param>
    private sealed class Compiler(OnnxGraph graph, TreeEnsemble ensemble, bool keepsClips)
    {
        private readonly List<Action<double[][]>> _steps = [];
        private readonly List<int> _widths = [ensemble.Targets];
        private readonly Dictionary<string, Register> _known = new(StringComparer.Ordinal);
        private readonly HashSet<string> _unreadable = new(StringComparer.Ordinal);
        private readonly Dictionary<int, Register> _negatives = [];
        private readonly Lazy<(double[] Least, double[] Most)> _scores = new(ensemble.Bounds);
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
            if (probabilities is not { Form: Form.Sigmoid or Form.Softmax, Of: { } logits } || (probabilities.Form == Form.Sigmoid && !AreOpposite(logits)))
                return Step(probabilities.Width, false, (registers, to) =>
                {
                    registers[probabilities.Index].CopyTo(to, 0);
                    ToLogOdds(to);
                });
            if (probabilities.Form == Form.Sigmoid)
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
                    return NegativeOf(inputs[0]!);
                case "Exp":
                    return Map(inputs[0]!, false, Math.Exp);
                case "Log":
                    return LogOf(inputs[0]!);
                case "Sigmoid":
                    return SigmoidOf(inputs[0]!);
                case "Softmax" when node.Integer("axis", -1) is 1 or -1:
                    return SoftmaxOf(inputs[0]!);
                case "Clip":
                    return Clip(node, inputs[0]!);
                case "Gather" when node.Integer("axis", 0) is 1 or -1 && inputs[0] is { } from && graph.ConstantOf(node.Inputs[1]) is { } chosen:
                    return Gather(from, chosen);
                case "MatMul" when inputs[0] is { } from && graph.ConstantOf(node.Inputs[1]) is { } weights && from.Width > 0 && weights.Length % from.Width == 0:
                    return MatMul(from, weights);
                case "Concat" when node.Integer("axis", 0) is 1 or -1 && Array.TrueForAll(inputs, i => i is not null):
                    return Concat(inputs!);
                case "ReduceSum" when (node.Inputs.Length > 1 ? graph.ConstantOf(node.Inputs[1]) : Array.ConvertAll(node.Integers("axes"), a => (double)a)) is [1 or -1]:
                    return Step(1, inputs[0]!.IsAffine, (registers, to) => to[0] = registers[inputs[0]!.Index].Sum());
                case "Add" or "Sub" or "Mul" or "Div" or "Pow":
                    return Arithmetic(node.Type, inputs, Array.ConvertAll(node.Inputs, i => graph.IsConstant(i) ? graph.ConstantOf(i) : null));
                default:
                    return null;
            }
        }

        private Register? Arithmetic(string type, Register?[] inputs, double[]?[] constants)
        {
            var result = type switch
            {
                "Add" => Combine(inputs, constants, true, (a, b) => a + b),
                "Sub" => Combine(inputs, constants, true, (a, b) => a - b),
                "Mul" => Combine(inputs, constants, inputs[0] is null || inputs[1] is null, (a, b) => a * b),
                "Div" => Combine(inputs, constants, inputs[1] is null, (a, b) => a / b),
                _ => Combine(inputs, constants, false, Math.Pow),
            };
            return (type, inputs, constants) switch
            {
                ("Add", [{ Form: Form.NegativeSigmoid, Of: { } logits }, null], [_, [1]]) => result?.As(Form.Sigmoid, NegativeOf(logits)),
                ("Add", [null, { Form: Form.NegativeSigmoid, Of: { } logits }], [[1], _]) => result?.As(Form.Sigmoid, NegativeOf(logits)),
                ("Sub", [null, { Form: Form.Sigmoid, Of: { } logits }], [[1], _]) => result?.As(Form.Sigmoid, NegativeOf(logits)),
                ("Div", [{ Form: Form.Sigmoid, Of: { } logits }, { Form: Form.Sigmoid, Of: { } others }], _)
                    when _negatives.GetValueOrDefault(logits.Index)?.Index == others.Index => result?.As(Form.Odds, logits),
                ("Mul", [{ Form: Form.Shifted, Of: { } logits }, null], [_, [var factor]]) => result?.As(Form.Shifted, Map(logits, logits.IsAffine, x => x * factor)),
                _ => result,
            };
        }

        private Register? Combine(Register?[] inputs, double[]?[] constants, bool staysAffine, Func<double, double, double> function)
        {
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
            if (AreWithin(from, low, high))
                return from;
            var tolerance = keepsClips ? 0 : ClipTolerance;
            return IsWithin(from, low - tolerance, high + tolerance) ? from : Map(from, false, x => Math.Min(Math.Max(x, low), high));
        }

        /// <summary>Whether no scores that the trees can give make probabilities that a clip would change.</summary>
        private bool AreWithin(Register probabilities, double low, double high)
        {
            if (probabilities is { Form: Form.Sigmoid, Of: { } odds })
                return IsWithin(odds, Math.Log(low / (1 - low)), Math.Log(high / (1 - high)));
            if (probabilities is not { Form: Form.Softmax, Of: { IsAffine: true } logits } || high < 1 - ((probabilities.Width - 1) * low))
                return false;
            // Each is 1 over the sum of e to the power of what all, itself included, are above it.
            return Enumerable.Range(0, probabilities.Width).All(own => Bounds(logits, own).Sum(above => Math.Exp(above.Most)) <= 1 / low);
        }

        private bool IsWithin(Register register, double low, double high) =>
            register.IsAffine && Array.TrueForAll(Bounds(register, less: null), bound => bound.Least >= low && bound.Most <= high);

        /// <summary>Between what the numbers of sums of scores lie.</summary>
        /// <param name="register">The sums.</param>
        /// <param name="less">One of them that is subtracted from each, if any.</param>
        private (double Least, double Most)[] Bounds(Register register, int? less)
        {
            var link = new ScoreLink(_steps, [.. _widths], register);
            var (least, most) = _scores.Value;
            var constant = (double[])link.Apply(link.CreateRegisters(), new double[ensemble.Targets]).Clone();
            return [.. Enumerable.Range(0, register.Width).Select(output =>
            {
                var start = constant[output] - (less is { } own ? constant[own] : 0);
                var (lowest, highest) = (start, start);
                for (var score = 0; score < least.Length; score++)
                {
                    var slope = link.Slopes![output, score] - (less is { } other ? link.Slopes[other, score] : 0);
                    (lowest, highest) = (lowest + Math.Min(slope * least[score], slope * most[score]), highest + Math.Max(slope * least[score], slope * most[score]));
                }

                return (lowest, highest);
            })];
        }

        private Register NegativeOf(Register from)
        {
            if (_negatives.TryGetValue(from.Index, out var known))
                return known;
            var negative = Map(from, from.IsAffine, x => -x);
            if (from is { Form: Form.Sigmoid, Of: { } logits })
                negative = negative.As(Form.NegativeSigmoid, logits);
            _negatives[from.Index] = negative;
            _negatives[negative.Index] = from;
            return negative;
        }

        private Register SigmoidOf(Register logits) => Map(logits, false, Sigmoid).As(Form.Sigmoid, logits);

        private Register SoftmaxOf(Register logits) =>
            Step(logits.Width, false, (registers, to) => Softmax(registers[logits.Index], to)).As(Form.Softmax, logits.Form == Form.Shifted ? logits.Of! : logits);

        private Register LogOf(Register from) => from switch
        {
            { Form: Form.Odds, Of: { } logits } => logits,
            { Form: Form.Softmax, Of: { } logits } => Map(from, false, Math.Log).As(Form.Shifted, logits),
            // A sigmoid of x and one of -x are the softmax of x / 2 and -x / 2.
            { Form: Form.Sigmoid, Of: { } logits } when AreOpposite(logits) => Map(from, false, Math.Log).As(Form.Shifted, Map(logits, true, x => x / 2)),
            _ => Map(from, false, Math.Log),
        };

        private Register? Gather(Register from, double[] chosen)
        {
            if (Array.Exists(chosen, c => c < -from.Width || c >= from.Width))
                return null;
            var columns = Array.ConvertAll(chosen, c => (int)(c < 0 ? c + from.Width : c));
            var gathered = Step(columns.Length, from.IsAffine, (registers, to) =>
            {
                for (var i = 0; i < to.Length; i++)
                    to[i] = registers[from.Index][columns[i]];
            });
            return from is { Form: Form.Sigmoid, Of: { } logits } ? gathered.As(Form.Sigmoid, Gather(logits, chosen)!) : gathered;
        }

        private Register MatMul(Register from, double[] weights) => Step(weights.Length / from.Width, from.IsAffine, (registers, to) =>
        {
            Array.Clear(to);
            for (var i = 0; i < weights.Length; i++)
                to[i % to.Length] += registers[from.Index][i / to.Length] * weights[i];
        });

        private Register Concat(Register[] parts)
        {
            var joined = Join(parts, Array.TrueForAll(parts, p => p.IsAffine));
            return Array.TrueForAll(parts, p => p.Form == Form.Sigmoid)
                ? joined.As(Form.Sigmoid, Join(Array.ConvertAll(parts, p => p.Of!), Array.TrueForAll(parts, p => p.Of!.IsAffine)))
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
