module deepface

go 1.21
