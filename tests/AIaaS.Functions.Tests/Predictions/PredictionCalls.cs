using System.IO.Pipelines;
using AIaaS.Functions.Predictions;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Tests.Predictions;

/// <summary>Calls of predictions whose bodies have begun and do not end.</summary>
internal static class PredictionCalls
{
    public static async Task<HttpRequest> BeginAsync(string query = "", string prefer = "")
    {
        var body = new Pipe();
        await body.Writer.WriteAsync("{\"rows\":["u8.ToArray());
        var http = new DefaultHttpContext();
        http.SetCaller(new Caller("t", Role.Predictor, "key:1"));
        http.Request.Body = body.Reader.AsStream();
        http.Request.ContentType = "application/json";
        http.Request.QueryString = new QueryString(query);
        http.Request.Headers["Prefer"] = prefer;
        return http.Request;
    }

    public static Task<IResult> AnswerAsync(string call, HttpRequest request, PredictionAdmission admission, TimeProvider time)
    {
        var predictions = new PredictionFunctions(null!, null!, admission, null!, time);
        return call switch
        {
            "predictions" => predictions.PredictAsync(request, "e"),
            "explanations" => predictions.ExplainAsync(request, "e"),
            _ => new InferenceFunctions(null!, admission, null!, time).InferAsync(request, "m"),
        };
    }
}
