using System.Globalization;
using AIaaS.Learning.Differentiation;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Differentiation;

/// <summary>Every rule against what the function itself does, and against PyTorch.</summary>
public sealed class GradientRuleTests
{
    private const double Step = 1e-5;
    private const double Tolerance = 1e-7;

    // In single precision, steps must be long. All functions with such a kernel only are nearly linear over that length.
    private const double LongStep = 0.02;
    private const double SingleTolerance = 2e-3;

    private const double PyTorchTolerance = 2e-5;

    private static readonly Lazy<Dictionary<string, double[]>> PyTorch = new(() => File
        .ReadLines(Path.Combine(AppContext.BaseDirectory, "oracles/gradients/figures.csv"))
        .Select(line => line.Split(','))
        .ToDictionary(line => line[0], line => line.Skip(1).Select(n => double.Parse(n, CultureInfo.InvariantCulture)).ToArray()));

    public static TheoryData<string> Smooth => Names(c => c is { Single: false, Ties: false });

    public static TheoryData<string> InSinglePrecision => Names(c => c is { Single: true, Ties: false });

    public static TheoryData<string> Batched => Names(c => c.Batched.Length > 0);

    public static TheoryData<string> Recorded => [.. PyTorch.Value.Keys];

    public static IEnumerable<object[]> Broadcasts =>
        from name in GradientCases.Broadcasting.Keys
        from seed in Enumerable.Range(1, 4)
        select (object[])[name, seed];

    public static IEnumerable<object[]> RandomCases =>
        from name in RandomGradientCases.Names
        from seed in Enumerable.Range(1, Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 100 : 5)
        select (object[])[name, seed];

    [Theory]
    [MemberData(nameof(Smooth))]
    public void Gradients_equal_differences(string name) => CompareWithDifferences(Find(name), new Random(7));

    [Theory]
    [MemberData(nameof(Broadcasts))]
    public void Gradients_are_summed_over_any_axes_that_were_broadcast(string name, int seed)
    {
        var random = new Random(seed);
        var full = Enumerable.Range(0, random.Next(1, 5)).Select(_ => random.Next(1, 4)).ToArray();
        var shapes = string.Join('|', Enumerable.Range(0, 2).Select(_ =>
            string.Join('x', full.Skip(random.Next(0, full.Length + 1)).Select(size => random.Next(3) == 0 ? 1 : size))));

        CompareWithDifferences(new GradientCase(name, shapes, GradientCases.Broadcasting[name]), random);
    }

    [Theory]
    [MemberData(nameof(InSinglePrecision))]
    public void Gradients_equal_derivatives_in_random_directions(string name) => CompareWithDerivatives(Find(name), new Random(7));

    [Theory]
    [MemberData(nameof(RandomCases))]
    public void Gradients_hold_for_random_windows_axes_and_shapes(string name, int seed)
    {
        var random = new Random(seed);
        var tested = RandomGradientCases.Create(name, random);
        if (tested.Single)
            CompareWithDerivatives(tested, random);
        else
            CompareWithDifferences(tested, random);
    }

    [Theory]
    [MemberData(nameof(Batched))]
    public void Gradients_are_the_same_where_the_number_of_rows_is_left_open(string name)
    {
        var tested = Find(name);
        var type = tested.Single ? TensorElementType.Float : TensorElementType.Double;
        var inputs = Inputs(tested, type, Points(new Random(7)));
        using var open = new GraphRunner(tested.Build(type, batched: true, squared: true));
        using var known = new GraphRunner(tested.Build(type, squared: true));

        foreach (var gradient in tested.Dimensions.Select((_, i) => $"gradient{i}"))
            AssertEqual(Run(known, gradient, inputs), Run(open, gradient, inputs), PyTorchTolerance);
    }

    [Theory]
    [MemberData(nameof(Recorded))]
    public void Gradients_equal_those_of_PyTorch(string name)
    {
        var tested = Find(name);
        var inputs = Inputs(tested, TensorElementType.Float, (elements, input) => Scattered(elements, (2 * input) + 3, tested.Ties));
        using var runner = new GraphRunner(tested.Build(TensorElementType.Float));

        AssertEqual(PyTorch.Value[name], [.. inputs.SelectMany((_, i) => Run(runner, $"gradient{i}", inputs))], PyTorchTolerance);
    }

    [Fact]
    public void Every_rule_is_tested()
    {
        string[] constant = ["ArgMax", "Equal", "Greater", "IsNaN", "Less", "Shape", "Sign", "Size"];

        Assert.Empty(GradientRules.Default.Operators.Except(GradientCases.All.Select(c => c.Operator)).Except(constant));
    }

    private static void CompareWithDifferences(GradientCase tested, Random random)
    {
        var inputs = Inputs(tested, TensorElementType.Double, Points(random));
        using var runner = new GraphRunner(tested.Build(TensorElementType.Double));
        for (var input = 0; input < inputs.Length; input++)
        {
            var point = (double[])inputs[input].Data;
            var expected = point.Select((at, i) =>
            {
                point[i] = at + Step;
                var above = Run(runner, "loss", inputs)[0];
                point[i] = at - Step;
                var below = Run(runner, "loss", inputs)[0];
                point[i] = at;
                return (above - below) / (2 * Step);
            }).ToArray();
            AssertEqual(expected, Run(runner, $"gradient{input}", inputs), Tolerance);
        }
    }

    private static void CompareWithDerivatives(GradientCase tested, Random random)
    {
        var inputs = Inputs(tested, TensorElementType.Float, Points(random));
        using var runner = new GraphRunner(tested.Build(TensorElementType.Float));
        for (var input = 0; input < inputs.Length; input++)
        {
            var (point, shape) = ((float[])inputs[input].Data, inputs[input].Shape);
            var gradient = Run(runner, $"gradient{input}", inputs);
            for (var trial = 0; trial < 4; trial++)
            {
                var direction = point.Select(_ => (random.NextDouble() * 2) - 1).ToArray();
                var (above, below) = (LossAt(LongStep), LossAt(-LongStep));
                inputs[input] = (point, shape);
                AssertEqual([(above - below) / (2 * LongStep)], [gradient.Zip(direction, (g, d) => g * d).Sum()], SingleTolerance);

                // Summed here, in double precision, as the difference would otherwise be of rounding.
                double LossAt(double step)
                {
                    inputs[input] = (point.Zip(direction, (p, d) => (float)(p + (d * step))).ToArray(), shape);
                    var result = Run(runner, "result", inputs);
                    return result.Zip(GradientCase.Weights(result.Length), (r, w) => r * w).Sum();
                }
            }
        }
    }

    private static void AssertEqual(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), g => Assert.Equal(g.First, g.Second, tolerance * (1 + Math.Abs(g.First))));
    }

    private static (Array Data, long[] Shape)[] Inputs(GradientCase tested, TensorElementType type, Func<int, int, double[]> points) =>
        [.. tested.Dimensions.Select((dimensions, i) =>
        {
            var elements = points((int)dimensions.Aggregate(1L, (a, b) => a * b), i);
            return (type == TensorElementType.Double ? (Array)elements : Array.ConvertAll(elements, e => (float)e), dimensions);
        })];

    private static Func<int, int, double[]> Points(Random random) =>
        (elements, _) => [.. Enumerable.Range(0, elements).Select(_ => (random.NextDouble() * 3) - 1.5)];

    /// <summary>What <c>scattered</c> in <c>tests/oracles/gradients/gradients.py</c> gives.</summary>
    private static double[] Scattered(int elements, int start, bool ties) =>
        [.. Enumerable.Range(0, elements).Select(i => ((i + 1) * (i + start) * 31 % 257 / 128.0) - 1).Select(x => ties ? Math.Round(x * 2) / 2 : x)];

    private static double[] Run(GraphRunner runner, string output, (Array Data, long[] Shape)[] inputs) =>
        inputs[0].Data.GetType() == typeof(double[]) ? runner.Run<double>(output, inputs) : Array.ConvertAll(runner.Run<float>(output, inputs), x => (double)x);

    private static GradientCase Find(string name) => GradientCases.All.Single(c => c.ToString() == name);

    private static TheoryData<string> Names(Func<GradientCase, bool> chosen) => [.. GradientCases.All.Where(chosen).Select(c => c.ToString())];
}
