using System.Text.Json;

namespace AIaaS.Learning.Tests.Evaluation;

/// <summary>Figures of scikit-learn 1.2.1, made by <c>tests/oracles/evaluation/figures.py</c> from rows that are made again here.</summary>
internal static class EvaluationFigures
{
    public const int Rows = 400;

    private static readonly JsonElement Recorded = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "oracles", "evaluation", "figures.json"))).RootElement;

    public static double[] Weights { get; } = [.. Enumerable.Range(0, Rows).Select(row => 1.5 + TableBuilder.Wave(row, 7))];

    public static Dictionary<string, double> Of(string name) => Recorded.GetProperty(name).Deserialize<Dictionary<string, double>>()!;

    public static float[] Calibration(string name) => Recorded.GetProperty("calibration").GetProperty(name).Deserialize<float[]>()!;

    public static (int[] Truth, float[] Probabilities) Classes(int count)
    {
        var truth = new int[Rows];
        var probabilities = new float[Rows * count];
        for (var row = 0; row < Rows; row++)
        {
            var scores = Enumerable.Range(0, count).Select(c => 2 * TableBuilder.Wave(row, c)).ToArray();
            var exponentials = scores.Select(s => Math.Exp(s - scores.Max())).ToArray();
            for (var c = 0; c < count; c++)
                probabilities[(row * count) + c] = (float)(exponentials[c] / exponentials.Sum());
            truth[row] = Enumerable.Range(0, count).MaxBy(c => scores[c] + (2.5 * TableBuilder.Wave(row, 20 + c)));
        }

        return (truth, probabilities);
    }

    public static (double[] Truth, float[] Predictions) Numbers() => (
        [.. Enumerable.Range(0, Rows).Select(row => 10 + (5 * TableBuilder.Wave(row, 0)))],
        [.. Enumerable.Range(0, Rows).Select(row => (float)(10 + (5 * TableBuilder.Wave(row, 0)) + TableBuilder.Wave(row, 3)))]);
}
