namespace AIaaS.Learning.Evaluation;

/// <summary>
/// The rising function nearest to some points in squares, by pooling adjacent violators (Ayer et al. 1955); between its points it is
/// straight, outside of them constant, as scikit-learn has it.
/// </summary>
/// <param name="X">Rising strictly.</param>
/// <param name="Y">Rising.</param>
internal sealed record IsotonicRegression(double[] X, double[] Y)
{
    public static IsotonicRegression Fit(double[] x, double[] y)
    {
        var keys = (double[])x.Clone();
        var values = (double[])y.Clone();
        Array.Sort(keys, values);
        var blocks = new List<(double First, double Last, double Sum, double Count)>();
        for (var at = 0; at < keys.Length;)
        {
            var block = (First: keys[at], Last: keys[at], Sum: 0.0, Count: 0.0);
            for (; at < keys.Length && keys[at] == block.First; at++)
                block = block with { Sum = block.Sum + values[at], Count = block.Count + 1 };
            while (blocks.Count > 0 && blocks[^1].Sum / blocks[^1].Count >= block.Sum / block.Count)
            {
                var before = blocks[^1];
                blocks.RemoveAt(blocks.Count - 1);
                block = (before.First, block.Last, before.Sum + block.Sum, before.Count + block.Count);
            }

            blocks.Add(block);
        }

        var points = blocks.SelectMany(b => b.First == b.Last ? new[] { (X: b.First, Y: b.Sum / b.Count) } : [(b.First, b.Sum / b.Count), (b.Last, b.Sum / b.Count)]).ToArray();
        return new([.. points.Select(p => p.X)], [.. points.Select(p => p.Y)]);
    }
}
