using AIaaS.Formats;
using AIaaS.Functions.Requests;
using AIaaS.Platform;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Http;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Datasets;

/// <summary>What data sets promise: <c>contract.json</c>, as it is got it can be put.</summary>
public sealed class ContractFunctions(DatasetContracts contracts)
{
    /// <summary>Tells what every version of a data set promises.</summary>
    [Function("GetDatasetContract")]
    [RequiresRole(Role.Reader)]
    [Answers(200, typeof(DataContract), ETag = true)]
    public async Task<IResult> GetAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/datasets/{dataset}/contract")] HttpRequest request,
        string dataset)
    {
        var document = await contracts.GetAsync(request.Tenant(), Names.Require(dataset, "dataset"), request.Aborted());
        return Reply.Document(request, document.ETag, document.Value.Contract);
    }

    /// <summary>Sets what the next version of a data set is held against.</summary>
    [Function("PutDatasetContract")]
    [RequiresRole(Role.Trainer)]
    [Takes(typeof(DataContract), Example = """{"schemaVersion":1,"columns":[{"name":"age","kind":"integer","required":true,"maximumMissing":0.05,"minimum":0,"maximum":120,"unique":false}],"closed":false}""")]
    [Answers(200, typeof(DataContract), ETag = true)]
    [Answers(201, typeof(DataContract), ETag = true)]
    public async Task<IResult> PutAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/v1/datasets/{dataset}/contract")] HttpRequest request,
        string dataset)
    {
        Names.Require(dataset, "dataset");
        var conditions = request.ReadWriteConditions();
        var contract = await request.ReadJsonAsync<DataContract>(request.Aborted());
        var (document, created) = await contracts.PutAsync(request.Tenant(), dataset, contract, conditions, request.Aborted());
        return Reply.Put(document.ETag, created, document.Value.Contract);
    }

    /// <summary>Has the contract learned anew from the next version.</summary>
    [Function("DeleteDatasetContract")]
    [RequiresRole(Role.Trainer)]
    [Takes(Conditions = true)]
    [Answers(204)]
    public async Task<IResult> DeleteAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/v1/datasets/{dataset}/contract")] HttpRequest request,
        string dataset)
    {
        await contracts.DeleteAsync(request.Tenant(), Names.Require(dataset, "dataset"), request.ReadWriteConditions().IfMatch, request.Aborted());
        return Reply.NoContent();
    }
}
