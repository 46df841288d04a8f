using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using AIaaS.Functions.Requests;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Predictions;

internal static class RequestBodies
{
    /// <summary>Reads the whole body into the request's own buffers; the reader is to be advanced past it.</summary>
    /// <remarks>A body that came with its head costs nothing more; before others are waited for, there has to be room for them.</remarks>
    /// <exception cref="ProblemException">There is no room for the request now.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public static async ValueTask<ReadResult> ReadWholeBodyAsync(this HttpRequest request, PredictionAdmission admission, CancellationToken cancellationToken)
    {
        var reader = request.BodyReader;
        if (reader.TryRead(out var read))
        {
            if (read.IsCompleted)
            {
                return read;
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }

        admission.RequireRoom(request.Tenant());
        read = await reader.ReadAsync(cancellationToken);
        while (!read.IsCompleted)
        {
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await reader.ReadAsync(cancellationToken);
        }

        return read;
    }
}
