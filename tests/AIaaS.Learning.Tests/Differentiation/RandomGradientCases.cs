using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Learning.Tests.Differentiation;

/// <summary>Operators with windows, axes and sizes drawn at random.</summary>
internal static class RandomGradientCases
{
    private static readonly Dictionary<string, Func<Random, GradientCase>> Makers = new()
    {
        ["Conv"] = random =>
        {
            var (groups, share, features) = (random.Next(1, 4), random.Next(3) == 0 ? 9 : random.Next(1, 4), random.Next(1, 4));
            var window = Window(random);
            return Single(
                $"{random.Next(1, 4)}x{groups * share}x{Sizes(random, 5, window.Axes)} | {groups * features}x{share}x{Join(window.Kernel)} | {groups * features}",
                v => v[0].Conv(v[1], v[2], window, groups));
        },
        ["ConvTranspose"] = random =>
        {
            var (groups, share, features) = (random.Next(1, 4), random.Next(1, 4), random.Next(3) == 0 ? 9 : random.Next(1, 4));
            var window = Window(random);
            long[] beyond = [.. window.Strides.Select(s => (long)random.Next((int)s))];
            return Single(
                $"{random.Next(1, 4)}x{groups * share}x{Sizes(random, 2, window.Axes)} | {groups * share}x{features}x{Join(window.Kernel)}",
                v => v[0].ConvTranspose(v[1], window: window, groups: groups, beyond: beyond));
        },
        ["MaxPool"] = random =>
        {
            var window = Window(random);
            return new("", $"2x{random.Next(1, 4)}x{Sizes(random, 5, window.Axes)}", v => v[0].MaxPool(window));
        },
        ["AveragePool"] = random =>
        {
            var (window, countsPads) = (Window(random, dilated: false), random.Next(2) == 0);
            return Single($"2x{random.Next(1, 4)}x{Sizes(random, 5, window.Axes)}", v => v[0].AveragePool(window, countsPads));
        },
        ["ReduceSum"] = random => Reduction(random, (x, axes, kept) => x.ReduceSum(axes, kept)),
        ["ReduceMean"] = random => Reduction(random, (x, axes, kept) => x.ReduceMean(axes, kept)),
        ["ReduceMax"] = random => Reduction(random, (x, axes, kept) => x.ReduceMax(axes, kept)),
        ["Softmax"] = random => AlongAxis(random, (x, axis) => x.Softmax(axis)),
        ["LogSoftmax"] = random => AlongAxis(random, (x, axis) => x.LogSoftmax(axis)),
        ["LayerNormalization"] = random => AlongAxis(random, (x, axis) => x.LayerNormalize(x.Graph.Scalar(1, x.Type).Expand([1]), axis: axis, epsilon: 0.1f)),
        ["Gather"] = random => AlongAxis(random, (x, axis) =>
        {
            var size = x.Shape.SizeOf(axis);
            var (rows, columns) = (random.Next(1, 4), random.Next(1, 4));
            return x.Gather(x.Graph.Constant("indices", Enumerable.Range(0, rows * columns).Select(_ => random.NextInt64(-size, size)).ToArray(), rows, columns), axis);
        }),
        ["Slice"] = random => AlongAxis(random, (x, axis) => x.Slice(axis, random.Next(-4, 4), random.Next(-6, 6), random.Next(2) == 0 ? random.Next(1, 3) : -random.Next(1, 3))),
        ["Transpose"] = random => AlongAxis(random, (x, axis) =>
        {
            var order = Enumerable.Range(0, x.Shape.Rank).Select(a => (long)a).ToArray();
            random.Shuffle(order);
            return x.Transpose(order);
        }),
        ["Concat"] = random => AlongAxis(random, (x, axis) => new[] { x, x * x, x }.Concat(axis)),
        ["Split"] = random => AlongAxis(random, (x, axis) => x.Split(axis, [.. Enumerable.Repeat(1L, (int)x.Shape.SizeOf(axis))])[0]),
        ["MatMul"] = random =>
        {
            var (rows, inner, columns) = (random.Next(1, 4), random.Next(1, 4), random.Next(1, 4));
            var batch = Enumerable.Range(0, random.Next(3)).Select(_ => random.Next(1, 4)).ToArray();
            return new("", $"{Batch()}{rows}x{inner} | {Batch()}{inner}x{columns}", v => v[0].MatMul(v[1]));

            string Batch() => string.Concat(batch.Skip(random.Next(batch.Length + 1)).Select(size => $"{(random.Next(3) == 0 ? 1 : size)}x"));
        },
    };

    public static IEnumerable<string> Names => Makers.Keys;

    /// <summary>A case about that operator.</summary>
    public static GradientCase Create(string name, Random random) => Makers[name](random) with { Name = $"{name} at random" };

    private static GradientCase Single(string shapes, Func<Value[], Value> function) => new("", shapes, function) { Single = true };

    private static GradientCase Reduction(Random random, Func<Value, long[], bool, Value> reduce)
    {
        var rank = random.Next(1, 5);
        long[] axes = [.. Enumerable.Range(0, rank).Where(_ => random.Next(2) == 0).Select(a => (long)(random.Next(2) == 0 ? a : a - rank))];
        var kept = random.Next(2) == 0;
        return new("", Sizes(random, 1, rank), v => reduce(v[0], axes.Length > 0 ? axes : [0], kept).Exp());
    }

    private static GradientCase AlongAxis(Random random, Func<Value, int, Value> function)
    {
        var rank = random.Next(1, 5);
        var axis = random.Next(-rank, rank);
        return new("", Sizes(random, 2, rank), v => function(v[0], axis).Exp());
    }

    /// <summary>A window over one or two axes, with less padding than half of it.</summary>
    private static Window Window(Random random, bool dilated = true)
    {
        var window = new Window(Draw(random, random.Next(1, 3), 4));
        window = window with { Strides = Draw(random, window.Axes, 4), Dilations = Draw(random, window.Axes, dilated ? 3 : 2) };
        return window with { Pads = [.. Enumerable.Range(0, 2 * window.Axes).Select(i => (long)random.Next((int)((window.Kernel[i % window.Axes] + 1) / 2)))] };
    }

    private static long[] Draw(Random random, int count, int below) => [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(1, below))];

    private static string Sizes(Random random, int least, int count) => Join(Enumerable.Range(0, count).Select(_ => (long)random.Next(least, least + 3)));

    private static string Join(IEnumerable<long> sizes) => string.Join('x', sizes);
}
