using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Learning.Runtime;

/// <summary>Runs a graph that takes one matrix over its rows, a chunk at a time.</summary>
internal static class MatrixFeed
{
    private const int ChunkRows = 16_384;

    /// <param name="session">The graph.</param>
    /// <param name="input">Its float input of shape [rows, <paramref name="width"/>].</param>
    /// <param name="matrix">Row after row.</param>
    /// <param name="rows">How many.</param>
    /// <param name="width">Numbers a row.</param>
    /// <param name="output">A float output of shape [rows] or [rows, <paramref name="outputWidth"/>].</param>
    /// <param name="outputWidth">Numbers a row of the output.</param>
    /// <returns>Row after row.</returns>
    public static float[] Run(InferenceSession session, string input, float[] matrix, int rows, int width, string output, int outputWidth)
    {
        var result = new float[(long)rows * outputWidth];
        using var options = new RunOptions();
        for (var from = 0; from < rows; from += ChunkRows)
        {
            var chunk = Math.Min(ChunkRows, rows - from);
            using var tensor = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, matrix.AsMemory(from * width, chunk * width), [chunk, width]);
            using var outputs = session.Run(options, [input], [tensor], [output]);
            outputs[0].GetTensorDataAsSpan<float>().CopyTo(result.AsSpan(from * outputWidth, chunk * outputWidth));
        }

        return result;
    }
}
