using AIaaS.Functions.Requests;
using AIaaS.Platform.Models;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AIaaS.Functions.Models;

/// <summary>The body of an import: the ONNX file, or a form with the parts <c>model</c>, <c>signature</c> and <c>background</c>.</summary>
internal static class ImportedModelBody
{
    private const int LargestPart = 4 << 20;
    private const int MostParts = 8;

    /// <exception cref="ProblemException">It is neither.</exception>
    public static async Task<ImportedModel> ReadAsync(HttpRequest request, long largest)
    {
        var type = request.ContentType;
        if (type?.StartsWith("multipart/form-data", StringComparison.OrdinalIgnoreCase) is true)
        {
            return await ReadFormAsync(request, largest);
        }

        // An encoded form too is taken for a file: that is what curl calls one unless it is told otherwise.
        if (type is not null && !type.StartsWith("application/", StringComparison.OrdinalIgnoreCase))
        {
            throw new ProblemException(
                Problem.UnsupportedMediaType, "Send the ONNX file with 'Content-Type: application/octet-stream', or a form with the parts 'model' and 'signature'.");
        }

        return new ImportedModel(await ReadAsync(request.Body, request.ContentLength ?? 0, request.Aborted()), Signature: null);
    }

    private static async Task<ImportedModel> ReadFormAsync(HttpRequest request, long largest)
    {
        request.HttpContext.Features.Set<IFormFeature>(new FormFeature(request, new FormOptions
        {
            MultipartBodyLengthLimit = largest,
            ValueLengthLimit = LargestPart,
            ValueCountLimit = MostParts,
        }));
        IFormCollection form;
        try
        {
            form = await request.ReadFormAsync(request.Aborted());
        }
        catch (InvalidDataException)
        {
            throw new ProblemException(Problem.MalformedBody, "The form cannot be read. Send the parts 'model' (the ONNX file) and 'signature' (JSON), for instance with curl -F model=@model.onnx -F signature=@signature.json.");
        }

        var model = form.Files.GetFile("model")
            ?? throw new ProblemException(Problem.MalformedBody, "The form has no file 'model'. Send the ONNX file as that part.") { Field = "model" };
        var unknown = form.Keys.Concat(form.Files.Select(file => file.Name)).FirstOrDefault(name => name is not ("model" or "signature" or "background"));
        if (unknown is not null)
        {
            throw new ProblemException(Problem.InvalidValue, "The form has a part that is none of 'model', 'signature' and 'background'.");
        }

        return new ImportedModel(await ReadAsync(model, request.Aborted()), await ReadPartAsync(form, "signature", request.Aborted()), await ReadPartAsync(form, "background", request.Aborted()));
    }

    private static async Task<byte[]?> ReadPartAsync(IFormCollection form, string part, CancellationToken cancellationToken)
    {
        if (form.Files.GetFile(part) is { } file)
        {
            return file.Length <= LargestPart
                ? await ReadAsync(file, cancellationToken)
                : throw new ProblemException(Problem.InvalidValue, $"The part '{part}' may have at most {LargestPart} bytes.") { Field = part };
        }

        return form.TryGetValue(part, out var text) ? System.Text.Encoding.UTF8.GetBytes(text.ToString()) : null;
    }

    private static async Task<byte[]> ReadAsync(IFormFile file, CancellationToken cancellationToken)
    {
        await using var stream = file.OpenReadStream();
        return await ReadAsync(stream, file.Length, cancellationToken);
    }

    private static async Task<byte[]> ReadAsync(Stream stream, long announced, CancellationToken cancellationToken)
    {
        // What is announced is not trusted far.
        using var buffer = new MemoryStream((int)Math.Min(announced, 1 << 20));
        await stream.CopyToAsync(buffer, cancellationToken);
        return buffer.ToArray();
    }
}
