using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Datasets;

/// <summary>Signed, expiring URLs into the drop zone: a file put there is a drop.</summary>
public sealed class UploadFunctions(IObjectStore store)
{
    // Enough for any table that one machine prepares, and an end for a body that has none.
    private const long MaximumUpload = 64L * 1024 * 1024 * 1024;
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    /// <summary>Makes a signed, expiring URL that takes one file of any size by a PUT; a file put there is a drop.</summary>
    [Function("CreateUpload")]
    [RequiresRole(Role.Trainer)]
    [RequestLimits(MaxBodyBytes = 16 * 1024)]
    [Takes(typeof(UploadRequest), Example = """{"file":"churn.csv"}""")]
    [Answers(201, typeof(UploadView), Location = true)]
    public async Task<IResult> Create(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/datasets/{dataset}/uploads")] HttpRequest request, string dataset)
    {
        var cancellationToken = request.HttpContext.RequestAborted;
        var body = await request.ReadJsonAsync<UploadRequest>(cancellationToken);
        var tenant = request.HttpContext.GetCaller().Tenant;
        var path = new ObjectPath(Containers.Incoming, $"{tenant}/{Names.Require(dataset, "dataset")}/{Names.RequireFileName(body.File, "file")}");
        var upload = await store.CreateUploadUrlAsync(path, Lifetime, request.BaseAddress(), cancellationToken);
        return Reply.Created(upload.Url.AbsoluteUri, new UploadView(upload.Url, HttpMethods.Put, upload.Headers, upload.Expires));
    }

    /// <summary>Takes what comes by the URLs of a store that has no address of its own.</summary>
    [Function("PutUpload")]
    [Anonymous]
    [RequestLimits(MaxBodyBytes = MaximumUpload, TimeoutSeconds = 0)]
    [Takes(ContentTypes = "application/octet-stream")]
    [TakesQuery("expires", "As the upload URL has it.")]
    [TakesQuery("signature", "As the upload URL has it.")]
    [Answers(201)]
    public async Task<IResult> Put([HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "uploads/{*path}")] HttpRequest request, string path)
    {
        if (store is not FileObjectStore files)
        {
            throw new ProblemException(Problem.NotFound, "Uploads do not come here. Ask for an upload URL and use it as it is given.");
        }

        var query = request.Query;
        if (!files.UploadUrls.TryVerify(path, query["expires"], query["signature"], out var target, out var reason))
        {
            throw new ProblemException(Problem.InvalidUpload, reason);
        }

        var written = await files.WriteAsync(target, request.Body, options: null, request.HttpContext.RequestAborted);
        return Reply.Empty(StatusCodes.Status201Created, written.ETag);
    }

    private sealed record UploadRequest(string File);

    private sealed record UploadView(Uri Url, string Method, IReadOnlyDictionary<string, string> Headers, DateTimeOffset Expires);
}
