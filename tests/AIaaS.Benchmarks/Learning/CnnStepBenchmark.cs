using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;

namespace AIaaS.Benchmarks.Learning;

/// <summary>A small network for pictures: twice a convolution, ReLU and maximum pooling, then a dense layer.</summary>
internal sealed class CnnStepBenchmark : StepBenchmark<PicturesShape>
{
    public override string Name => "cnn-step";

    public override string Description => "a training step of a convolutional network against PyTorch, one thread; or --device cuda";

    // At Adam's usual rate of 0.001 PyTorch's own losses in single and double precision are 0.0002 apart after 50 steps.
    protected override IReadOnlyList<PicturesShape> Shapes { get; } =
    [
        new() { Channels = [1, 16, 32], Size = 28, Rows = 64, Steps = 20, Rate = 1e-4 },
        new() { Channels = [3, 32, 64], Size = 32, Rows = 64, Steps = 8, Rate = 1e-4 },
    ];

    protected override double Aim => 0.5;

    protected override string Script => "cnn_step.py";

    protected override Value Build(PicturesShape shape, Value features, Func<string, long[], Value> weight)
    {
        var x = features;
        for (var layer = 1; layer < shape.Channels.Length; layer++)
        {
            var (inputs, outputs) = (shape.Channels[layer - 1], shape.Channels[layer]);
            x = x.Conv(weight($"weights_{layer}", [outputs, inputs, 3, 3]), weight($"bias_{layer}", [outputs]), Window.Square(3, padding: 1))
                .Relu()
                .MaxPool(Window.Square(2, stride: 2));
        }

        x = x.Flatten();
        return x.Gemm(weight("weights", [x.Shape.SizeOf(1), shape.Classes]), weight("bias", [shape.Classes]));
    }
}

internal sealed record PicturesShape : StepShape
{
    /// <summary>Of the pictures, and behind each convolution.</summary>
    public required int[] Channels { get; init; }

    /// <summary>Height and width.</summary>
    public required int Size { get; init; }

    public override int Classes => 10;

    public override int[] Features => [Channels[0], Size, Size];

    public override IEnumerable<(int Count, int Inputs)> Layers
    {
        get
        {
            var side = Size;
            foreach (var (inputs, outputs) in Channels.Zip(Channels.Skip(1)))
            {
                yield return (((9 * inputs) + 1) * outputs, 9 * inputs);
                side /= 2;
            }

            var flat = Channels[^1] * side * side;
            yield return ((flat + 1) * Classes, flat);
        }
    }

    public override string ToString() => $"{Size} × {Size} × {Channels[0]} to {string.Join(" and ", Channels.Skip(1))} channels";
}
