using AIaaS.Learning.Features;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Learning.Runtime;

/// <summary>Runs a graph that takes raw features over the rows of a table, a chunk at a time.</summary>
internal static class TableFeed
{
    private const int ChunkRows = 16_384;

    /// <param name="session">A graph with one input of shape [rows, 1] for each column.</param>
    /// <param name="inputNames">The inputs in the order of the table's columns.</param>
    /// <param name="table">The rows.</param>
    /// <param name="output">A float output of shape [rows] or [rows, width].</param>
    /// <param name="width">Numbers a row.</param>
    /// <param name="cancellationToken">Looked at between chunks.</param>
    /// <returns>Row after row.</returns>
    public static float[] Run(
        InferenceSession session,
        IReadOnlyList<string> inputNames,
        FeatureTable table,
        string output,
        int width,
        CancellationToken cancellationToken)
    {
        var result = new float[(long)table.Rows * width];
        using var options = new RunOptions();
        for (var from = 0; from < table.Rows; from += ChunkRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var rows = Math.Min(ChunkRows, table.Rows - from);
            var inputs = new List<OrtValue>();
            try
            {
                foreach (var column in table.Columns)
                    inputs.Add(ToTensor(column, from, rows));
                using var outputs = session.Run(options, [.. inputNames], inputs, [output]);
                outputs[0].GetTensorDataAsSpan<float>().CopyTo(result.AsSpan(from * width, rows * width));
            }
            finally
            {
                inputs.ForEach(i => i.Dispose());
            }
        }

        return result;
    }

    private static OrtValue ToTensor(FeatureColumn column, int from, int rows)
    {
        long[] shape = [rows, 1];
        if (column is NumberColumn numbers)
            return OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, numbers.Values.AsMemory(from, rows), shape);

        var texts = ((TextColumn)column).Values;
        var tensor = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape);
        for (var i = 0; i < rows; i++)
            tensor.StringTensorSetElementAt(texts[from + i], i);
        return tensor;
    }
}
