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
        // A read that ends by its token leaves Kestrel's reader in the middle of it, and the connection is then of no more use.
        using var registration = cancellationToken.UnsafeRegister(static reader => ((PipeReader)reader!).CancelPendingRead(), reader);
        read = await reader.ReadAsync(CancellationToken.None);
        while (!read.IsCompleted)
        {
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            cancellationToken.ThrowIfCancellationRequested();
            read = await reader.ReadAsync(CancellationToken.None);
        }

        return read;
    }
}
