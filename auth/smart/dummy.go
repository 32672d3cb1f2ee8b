package smart

import "github.com/seed-90096f4d/sluice/auth"

const dummyKID = "dummy"

// dummyJWKS has the keys of a client that does not exist, which also replace a key
// that a client does not have. A rejected assertion then always costs the
// verification of one signature, so that the response time hardly reveals which
// clients exist. Nobody has the private keys: that of the EC key was not kept, and
// the RSA modulus is a random odd number.
const dummyJWKS = `{"keys":[
	{"kty":"EC","kid":"dummy","crv":"P-384",
	 "x":"pYeM21hEntnb8eMTJpyJTRPWxG5UJV6sBJNWmpMxhm-aqIxtS1XpB9czl9z9-5f-",
	 "y":"0RjInroEGS3_E5FIzK0iXjlMWq-TFlRqrhn-idY8j7OQYisqZsUOAUiRtcWMVdK_"},
	{"kty":"RSA","kid":"dummy","e":"AQAB",
	 "n":"v_s0xuqGJGNbAXjOM2leOMjMWTPZeSqFccs6kvH1-9aWHTXy5JMilKJ556I7IinFhjcfi7nmNO7q92hdKEdLeWTuS7BMlhKLj4v4uiicXSJd0VecaxG7lM0YStI2XuF-HXfFIW3o_RZFJfyk8SEh3U1hP4mug4s48dEmQfk8UvZAMr49UtymySeCZl69JNJwrFWUVMi7SuS1G5StatS4r7lURNdEv_BKeJqf374aH7RkDVlxlW4-hD3KqLWehIdoeH0Fp9Jn2EW7J5EYM3gMXshQjNKqJmiByVnyEst1buKgAuVEPz9PiHUIn9ShLbN_WbbUiX7nWZS61XhoXHsM7w"}
]}`

// dummyKeys parses dummyJWKS, as reading a client does with its keys.
func dummyKeys() auth.KeySet {
	keys, err := auth.ParseKeySet([]byte(dummyJWKS))
	if err != nil {
		panic(err) // it is a constant
	}
	return keys
}
